//! What `handwave doctor` finds of the balancer. In: settings, and where instances are launched. Out: one finding:
//! whether it is there, and whether instances can serve behind it.

use std::collections::BTreeSet;

use super::super::classic_setup::ClassicSetup;
use super::super::cloud::Aws;
use super::super::front::FrontSetup;
use super::super::probe::Subnet;
use super::super::target_setup::{ShownGroup, TargetSetup};
use super::permit::permit;
use crate::clouds::finding::Finding;
use crate::clouds::settings::Settings;

/// The balancer, and whether instances that are launched in one of these subnets, or in this network, can serve there.
pub async fn check(aws: &Aws, settings: &Settings, subnets: &[Subnet], network: Option<&str>) -> Finding {
    match aws.front() {
        FrontSetup::Classic(setup) => classic(&setup, settings, subnets, network).await,
        FrontSetup::TargetGroups(setup) => groups(&setup, subnets, network).await,
        FrontSetup::Nothing(_) => Finding::ok("balancer", "none, as balancer.kind is \"none\""),
    }
}

/// The classic load balancer.
async fn classic(setup: &ClassicSetup, settings: &Settings, subnets: &[Subnet], network: Option<&str>) -> Finding {
    let name = &settings.balancer.name;
    let shown = match setup.find().await {
        Ok(Some(shown)) => shown,
        Ok(None) => {
            let remedy = "make it: `handwave balancer create --live`";
            return Finding::failed("balancer", format!("there is no load balancer {name}")).remedy(remedy);
        }
        Err(error) => return permit(Finding::failed("balancer", error)),
    };
    if let Some(finding) = elsewhere(name, shown.network.as_deref(), network) {
        return finding;
    }
    if let Some(finding) = unserved(name, &shown.zones, subnets) {
        return finding;
    }
    let wanted: BTreeSet<String> = settings.balancer.listeners.iter().map(ToString::to_string).collect();
    let found = format!("{name}: {}, {}", shown.listeners.join(", "), shown.address);
    if wanted != shown.listeners.iter().cloned().collect() {
        let wanted = Vec::from_iter(wanted).join(", ");
        return Finding::warning("balancer", found).remedy(format!("config.toml's listeners are {wanted}"));
    }
    match shown.draining {
        None => Finding::warning("balancer", format!("{found}, draining off"))
            .remedy("a retire cuts requests off: `handwave balancer create --live` sets balancer.draining"),
        Some(seconds) => Finding::ok("balancer", format!("{found}, draining {seconds} s")),
    }
}

/// The target groups: the first thing that is wrong with any.
async fn groups(setup: &TargetSetup, subnets: &[Subnet], network: Option<&str>) -> Finding {
    let found = match setup.groups().await {
        Ok(found) => found,
        Err(error) => return permit(Finding::failed("balancer", error)),
    };
    let mut told = Vec::new();
    for (name, group) in found {
        let Some(group) = group else {
            return Finding::failed("balancer", format!("there is no target group {name}"))
                .remedy("correct balancer.target_groups, or make it: `handwave balancer create --live`");
        };
        if let Some(finding) = wrong(setup, &group, subnets, network).await {
            return finding;
        }
        told.push(format!("{} forwards to {}, draining {} s", group.name, group.forwards_to, group.draining));
    }
    Finding::ok("balancer", told.join("; "))
}

async fn wrong(setup: &TargetSetup, group: &ShownGroup, subnets: &[Subnet], network: Option<&str>) -> Option<Finding> {
    let name = format!("target group {}", group.name);
    if !group.is_used {
        let found = format!("no load balancer sends requests to {name}");
        let remedy = "nothing would come into service: add it to a listener, or make one by `handwave balancer create`";
        return Some(Finding::failed("balancer", found).remedy(remedy));
    }
    if let Some(finding) = elsewhere(&name, Some(&group.network), network) {
        return Some(finding);
    }
    match setup.balancers_of(&group.arn).await {
        Ok(balancers) => balancers.iter().find_map(|balancer| unserved(&balancer.name, &balancer.zones, subnets)),
        Err(error) => Some(permit(Finding::failed("balancer", error))),
    }
}

/// What is wrong where instances are launched in another network than the balancer's.
fn elsewhere(name: &str, its: Option<&str>, network: Option<&str>) -> Option<Finding> {
    let (its, network) = (its?, network?);
    (its != network).then(|| {
        Finding::failed("balancer", format!("{name} is in {its}, but instances are launched in {network}"))
            .remedy("none could be registered: set instance.subnet_id and instance.security_group_ids of its network")
    })
}

/// What is wrong where the balancer does not serve the zones of these subnets, or not all; of no zones nothing is
/// known.
fn unserved(name: &str, zones: &[String], subnets: &[Subnet]) -> Option<Finding> {
    let strange = subnets.iter().map(|subnet| &subnet.zone).filter(|zone| !zones.contains(zone));
    let strange = Vec::from_iter(strange.cloned());
    if zones.is_empty() || strange.is_empty() {
        return None;
    }
    let found = format!("{name} does not serve {}, where instances are launched", strange.join(", "));
    let all = strange.len() == subnets.len();
    let finding = if all { Finding::failed("balancer", found) } else { Finding::warning("balancer", found) };
    Some(
        finding.remedy(
            "none would come into service there: set instance.subnet_id, or balancer.subnets and create it again",
        ),
    )
}

//! AWS. In: the settings. Out: a row each for who we are there, what config.toml names, and what we may do. Reads and dry
//! runs: nothing is changed.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Row, Sheet};
use crate::clouds::aws::launch::TYPE;
use crate::clouds::aws::probe::{Permission, Probe, Subnet, is_refusal};
use crate::clouds::aws::{OpenError, Session};
use crate::config::Config;
use crate::fleet::observed::{Observed, look};
use crate::fleet::ports::{CloudError, InstanceState};
use crate::fleet::reconciler::FleetState;

pub async fn check(sheet: &mut Sheet<'_>, config: &Config) -> Result<()> {
    sheet.wait("AWS: asking who we are there");
    let session = match Session::open(config).await {
        Ok(session) => session,
        // Nothing is asked of an account or a region that is not meant.
        Err(error @ (OpenError::OtherAccount { .. } | OpenError::OtherRegion { .. })) => {
            return sheet.tell(Row::failed("pins", error));
        }
        Err(error) => return sheet.tell(Row::failed("identity", error)),
    };
    sheet.tell(Row::ok("identity", &session))?;
    sheet.tell(pins(config))?;
    let aws = match session.fleet(config) {
        Ok(aws) => aws,
        Err(error) => return sheet.tell(Row::failed("image", error)),
    };
    let probe = Probe(&aws);

    sheet.tell(launched(&probe, config).await)?;
    if let Some(key) = &config.instance.key_name {
        let found = probe.key(key).await;
        sheet.tell(found.map_or_else(|error| not_found("key", key, &error), |()| Row::ok("key", key)))?;
    }
    let subnet = match &config.instance.subnet_id {
        Some(id) => Some((id, probe.subnet(id).await)),
        None => None,
    };
    sheet.tell(match &subnet {
        None => Row::ok("subnet", "a default one, as instance.subnet_id is not set"),
        Some((id, Ok(Subnet { zone, network }))) => Row::ok("subnet", format!("{id} in {zone}, {network}")),
        Some((id, Err(error))) => not_found("subnet", id, error),
    })?;
    let subnet = subnet.and_then(|(_, found)| found.ok());
    sheet.tell(groups(&probe, config, subnet.as_ref()).await)?;
    sheet.tell(balancer(&session, config, subnet.as_ref()).await)?;

    let holds = look(&aws, &BTreeSet::new()).await;
    sheet.tell(match &holds {
        Ok(holds) => fleet(holds, config),
        Err(error) => Row::failed("fleet", error).remedy("the fleet can't be seen: give the caller README's policy"),
    })?;
    let running = holds.iter().flat_map(|holds| &holds.instances).find(|i| i.instance.state == InstanceState::Running);
    sheet.tell(may("launch", "ec2:RunInstances", probe.may_launch().await))?;
    match running {
        Some(one) => {
            sheet.tell(may("tag", "ec2:CreateTags", probe.may_tag(one.id()).await))?;
            sheet.tell(may("terminate", "ec2:TerminateInstances", probe.may_terminate(one.id()).await))
        }
        None => sheet.tell(Row::unknown(
            "retire",
            "ec2:CreateTags and ec2:TerminateInstances can be asked about a running instance of the fleet alone; there is none",
        )),
    }?;
    sheet.tell(Row::unknown(
        "register",
        "a classic load balancer has no dry run: whether instances may be registered and deregistered shows with the first",
    ))
}

fn pins(config: &Config) -> Row {
    match (&config.aws.account, &config.aws.region) {
        (Some(_), Some(_)) => Row::ok("pins", "account and region are those of config.toml"),
        _ => Row::warning("pins", "whichever account and region the environment opens are taken")
            .remedy("set aws.account and aws.region in config.toml, so that no other login is changed by mistake"),
    }
}

/// The image and the type, and whether they go together.
async fn launched(probe: &Probe<'_>, config: &Config) -> Row {
    let (mut image, mut kind) = (config.instance.ami.clone(), config.instance.kind.clone());
    let mut by = String::new();
    if let Some(name) = &config.instance.launch_template {
        match probe.template(name).await {
            Ok(template) => {
                by = format!(", template {name} version {}", template.version);
                image = image.or(template.image);
                kind = kind.or(template.kind);
            }
            Err(error) => return not_found("image", name, &error),
        }
    }
    let kind = kind.unwrap_or_else(|| TYPE.to_owned());
    let Some(id) = image else {
        return Row::failed("image", format!("no image{by}")).remedy("set instance.ami in config.toml");
    };
    let (image, architectures) = match (probe.image(&id).await, probe.kind(&kind).await) {
        (Ok(image), Ok(architectures)) => (image, architectures),
        (Err(error), _) => return not_found("image", &id, &error),
        (_, Err(error)) => return not_found("image", &kind, &error),
    };
    let found = format!("{kind} from {id} ({}, {}){by}", image.name, image.architecture);
    if image.state != "available" {
        return Row::failed("image", format!("{id} is {}", image.state)).remedy("set another instance.ami");
    }
    match architectures.contains(&image.architecture) {
        true => Row::ok("image", found),
        false => Row::failed("image", format!("{found}, but the type is {}", architectures.join(" or ")))
            .remedy("set an instance.type and an instance.ami of one architecture"),
    }
}

async fn groups(probe: &Probe<'_>, config: &Config, subnet: Option<&Subnet>) -> Row {
    let ids = &config.instance.security_group_ids;
    if ids.is_empty() {
        return Row::ok("groups", "the network's default one, as instance.security_group_ids is not set");
    }
    let networks = match probe.groups(ids).await {
        Ok(networks) => networks,
        Err(error) => return not_found("groups", &ids.join(", "), &error),
    };
    let strange = subnet.filter(|subnet| networks.iter().any(|network| *network != subnet.network));
    match strange {
        Some(Subnet { network, .. }) => {
            Row::failed("groups", format!("not all of {} are in {network}", ids.join(", ")))
                .remedy("instance.security_group_ids and instance.subnet_id must be of one network")
        }
        None => Row::ok("groups", ids.join(", ")),
    }
}

async fn balancer(session: &Session, config: &Config, subnet: Option<&Subnet>) -> Row {
    let name = &config.balancer.name;
    let shown = match session.balancer(config).show().await {
        Ok(Some(shown)) => shown,
        Ok(None) => {
            let remedy = "make it: `handwave balancer create --live`";
            return Row::failed("balancer", format!("there is no load balancer {name}")).remedy(remedy);
        }
        Err(error) => return Row::failed("balancer", error).remedy("give the caller README's policy"),
    };
    let wanted: BTreeSet<String> = config.balancer.listeners.iter().map(ToString::to_string).collect();
    let found = format!("{name}: {}, {}", shown.listeners.join(", "), shown.address);
    if let Some(subnet) = subnet.filter(|subnet| !shown.zones.contains(&subnet.zone)) {
        return Row::failed("balancer", format!("{name} does not serve {}, where instance.subnet_id is", subnet.zone))
            .remedy("no instance would come into service: set balancer.subnets, and create it again");
    }
    if wanted != shown.listeners.iter().cloned().collect() {
        let wanted = Vec::from_iter(wanted).join(", ");
        return Row::warning("balancer", found).remedy(format!("config.toml's listeners are {wanted}"));
    }
    match shown.draining {
        None => Row::warning("balancer", format!("{found}, draining off"))
            .remedy("a retire cuts requests off: `handwave balancer create --live` sets balancer.draining"),
        Some(seconds) => Row::ok("balancer", format!("{found}, draining {seconds} s")),
    }
}

fn fleet(holds: &Observed, config: &Config) -> Row {
    let limits = config.fleet.limits();
    let strangers = holds.strangers.len();
    let state = FleetState { observed: Some(holds.clone()), limits, settled: true, trouble: None };
    let row = Row::ok("fleet", format!("{}: {state}", config.fleet.name));
    match strangers {
        0 => row,
        n => Row::warning("fleet", row.found)
            .remedy(format!("{n} on the balancer are not the fleet's: they are left alone")),
    }
}

fn may(what: &'static str, action: &str, permission: Permission) -> Row {
    match permission {
        Permission::Allowed => Row::ok(what, format!("{action} is allowed")),
        Permission::Missing(said) => {
            Row::failed(what, format!("{action} is not allowed: {said}")).remedy("give the caller README's policy")
        }
        Permission::Untold(error) => Row::failed(what, format!("{action}: {error}")),
    }
}

/// What config.toml names and AWS does not show.
fn not_found(what: &'static str, name: &str, error: &CloudError) -> Row {
    match is_refusal(error) {
        true => Row::unknown(what, format!("{name}: the caller may not look it up")),
        false => Row::failed(what, format!("{name}: {error}")).remedy("mend it in config.toml's [instance]"),
    }
}

//! What `handwave doctor` finds in AWS. In: the settings. Out: a finding each for the identity, for what config.toml
//! names, and for what the caller may do. Reads and dry runs: nothing is changed.

mod front;
mod permit;

use std::time::Duration;

use self::permit::permit;
use super::cloud::Aws;
use super::ec2::Ec2;
use super::errors::is_denied;
use super::launch::TYPE;
use super::probe::{Permission, Probe, Subnet, Template};
use super::session::OpenError;
use crate::clouds::cloud::Error;
use crate::clouds::finding::{Finding, Progress};
use crate::clouds::settings::Settings;
use crate::fleet::ports::{CloudError, InstanceState, POOL_TAG};
use crate::fleet::{FleetState, Member, Observed, Rules, look};
use crate::metrics::{Depth, Metrics, Query};

/// The tag that Auto Scaling gives its instances.
const AUTO_SCALING: &str = "aws:autoscaling:groupName";

/// The step of basic monitoring. Two of them have a whole one.
const STEP: Duration = Duration::from_secs(300);

pub async fn check(settings: &Settings, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Error> {
    tell(Progress::Asking("AWS: asking for the identity"));
    let mut tell = |finding: Finding| tell(Progress::Found(finding));
    let aws = match Aws::open(settings).await {
        Ok(aws) => aws,
        // Nothing is asked of an account or a region that is not meant.
        Err(error @ (OpenError::OtherAccount { .. } | OpenError::OtherRegion { .. })) => {
            tell(Finding::failed("pins", error));
            return Ok(());
        }
        Err(error) => {
            tell(Finding::failed("identity", error));
            return Ok(());
        }
    };
    tell(Finding::ok("identity", &aws.session));
    tell(pins(settings));
    let ec2 = aws.ec2();
    if let Err(error) = &ec2.launch {
        tell(Finding::failed("image", error));
        return Ok(());
    }
    let ports = aws.with(ec2.clone());
    let probe = Probe(&ec2);

    let template = match &settings.instance.launch_template {
        Some(name) => probe.template(name).await.map(Some),
        None => Ok(None),
    };
    tell(launched(&probe, settings, &template).await);
    if let Some(key) = &settings.instance.key_name {
        let found = probe.key(key).await;
        tell(found.map_or_else(|error| not_found("key", key, &error), |()| Finding::ok("key", key)));
    }
    for finding in network(&aws, &probe, settings, template.ok().flatten().as_ref()).await {
        tell(finding);
    }

    let holds = look(&ports).await;
    tell(match &holds {
        Ok(holds) => fleet(holds, settings),
        Err(error) => permit(Finding::failed("fleet", error)),
    });
    let running = holds.iter().flat_map(|holds| &holds.instances).find(|i| i.instance.state == InstanceState::Running);
    tell(may("launch", "ec2:RunInstances", probe.may_launch().await));
    match running {
        Some(one) => {
            tell(may("tag", "ec2:CreateTags", probe.may_tag(one.id()).await));
            tell(may("terminate", "ec2:TerminateInstances", probe.may_terminate(one.id()).await));
            if settings.lease.at_most > 0 {
                tell(may("lease", "ec2:CreateTags", probe.may_lease(one.id()).await));
                tell(may("console", "ec2:GetConsoleOutput", probe.may_read_console(one.id()).await));
            }
        }
        None => tell(Finding::unknown(
            "retire",
            "ec2:CreateTags and ec2:TerminateInstances can be asked about a running instance of the fleet alone; there is none",
        )),
    }
    if settings.warm.size > 0 {
        for finding in warm_pool(&probe, &ec2, &holds).await {
            tell(finding);
        }
    }
    let measurements = aws.measurements();
    let cpu = Query::Cpu(running.map_or_else(|| "i-00000000".into(), |one| one.id().clone()));
    tell(match measurements.series(&[cpu], 2 * STEP, STEP).await {
        Ok(_) => Finding::ok("metrics", "cloudwatch:GetMetricData is allowed"),
        Err(error) => Finding::warning("metrics", error).remedy("the page's charts and policies have nothing to show"),
    });
    if settings.queue.is_some() {
        tell(match measurements.depth().await {
            Ok(Depth { visible, in_flight, delayed }) => {
                Finding::ok("queue", format!("{visible} visible, {in_flight} in flight, {delayed} delayed"))
            }
            Err(error) => Finding::failed("queue", error).remedy("correct policy.queue.url in config.toml"),
        });
    }
    tell(Finding::unknown(
        "register",
        "a load balancer has no dry run: whether instances may be registered and deregistered shows with the first",
    ));
    Ok(())
}

/// Whether the warm pool can be prepared, started and stopped.
async fn warm_pool(probe: &Probe<'_>, ec2: &Ec2, holds: &Result<Observed, CloudError>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(launch) = &ec2.launch {
        let recipe = launch.recipe();
        findings.push(recipe.map_or_else(
            |error| Finding::failed("warm", error),
            |recipe| Finding::ok("warm", format!("instance.user_data gets a shutdown at its end; recipe {recipe}")),
        ));
    }
    // The policy allows it for the pool's instances alone.
    let of_pool = |member: &&Member| member.instance.tags.contains_key(POOL_TAG) && !member.is_ending();
    match holds.iter().flat_map(|holds| &holds.instances).find(of_pool) {
        Some(one) => {
            findings.push(may("start", "ec2:StartInstances", probe.may_start(one.id()).await));
            findings.push(may("stop", "ec2:StopInstances", probe.may_stop(one.id()).await));
        }
        None => findings.push(Finding::unknown(
            "start",
            "ec2:StartInstances and ec2:StopInstances can be asked about an instance of the warm pool alone; there is none",
        )),
    }
    findings
}

fn pins(settings: &Settings) -> Finding {
    match (&settings.aws.account, &settings.aws.region) {
        (Some(_), Some(_)) => Finding::ok("pins", "account and region are those of config.toml"),
        _ => Finding::warning("pins", "whichever account and region the environment opens are taken")
            .remedy("set aws.account and aws.region in config.toml, so that no other login is changed by mistake"),
    }
}

/// The image and the type, and whether they go together.
async fn launched(probe: &Probe<'_>, settings: &Settings, template: &Result<Option<Template>, CloudError>) -> Finding {
    let instance = &settings.instance;
    let template = match template {
        Ok(template) => template.as_ref(),
        Err(error) => return not_found("image", instance.launch_template.as_deref().unwrap_or_default(), error),
    };
    let image = instance.ami.clone().or(template.and_then(|template| template.image.clone()));
    let kind = instance.kind.clone().or(template.and_then(|template| template.kind.clone()));
    let by = match (template, &instance.launch_template) {
        (Some(template), Some(name)) => format!(", template {name} version {}", template.version),
        _ => String::new(),
    };
    let kind = kind.unwrap_or_else(|| TYPE.to_owned());
    let Some(id) = image else {
        return Finding::failed("image", format!("no image{by}")).remedy("set instance.ami in config.toml");
    };
    let (image, architectures) = match (probe.image(&id).await, probe.kind(&kind).await) {
        (Ok(image), Ok(architectures)) => (image, architectures),
        (Err(error), _) => return not_found("image", &id, &error),
        (_, Err(error)) => return not_found("image", &kind, &error),
    };
    let found = format!("{kind} from {id} ({}, {}){by}", image.name, image.architecture);
    if image.state != "available" {
        return Finding::failed("image", format!("{id} is {}", image.state)).remedy("set another instance.ami");
    }
    match architectures.contains(&image.architecture) {
        true => Finding::ok("image", found),
        false => Finding::failed("image", format!("{found}, but the type is {}", architectures.join(" or ")))
            .remedy("set an instance.type and an instance.ami of one architecture"),
    }
}

/// The subnet, the security groups and the balancer, and whether they are of one network.
async fn network(aws: &Aws, probe: &Probe<'_>, settings: &Settings, template: Option<&Template>) -> [Finding; 3] {
    // The settings go before the template, as in the call.
    let id = settings.instance.subnet_id.as_ref().or(template.and_then(|template| template.subnet.as_ref()));
    let subnets = match id {
        Some(id) => probe.subnet(id).await.map(|subnet| vec![subnet]),
        None => probe.default_subnets().await,
    };
    let its_subnet = subnet(id, &subnets);
    let subnets = subnets.unwrap_or_default();
    let ids = Some(&settings.instance.security_group_ids).filter(|ids| !ids.is_empty());
    let ids = ids.or(template.map(|template| &template.groups)).map(Vec::as_slice).unwrap_or_default();
    let networks = if ids.is_empty() { Ok(Vec::new()) } else { probe.groups(ids).await };
    let network = subnets.first().map(|subnet| subnet.network.as_str());
    let its_groups = groups(ids, &networks, network);
    let network = network.or(networks.as_ref().ok().and_then(|networks| Some(networks.first()?.as_str())));
    [its_subnet, its_groups, front::check(aws, settings, &subnets, network).await]
}

/// The subnet with this id, or those that a launch without one chooses from.
fn subnet(id: Option<&String>, found: &Result<Vec<Subnet>, CloudError>) -> Finding {
    match (id, found) {
        (Some(id), Err(error)) => not_found("subnet", id, error),
        (None, Err(error)) => not_found("subnet", "the default ones", error),
        (_, Ok(subnets)) => match (id, subnets.first()) {
            (Some(id), Some(Subnet { zone, network })) => Finding::ok("subnet", format!("{id} in {zone}, {network}")),
            (_, Some(Subnet { network, .. })) => {
                Finding::ok("subnet", format!("a default one in {network}, as instance.subnet_id is not set"))
            }
            (_, None) => {
                Finding::failed("subnet", "there is no default one in this region").remedy("set instance.subnet_id")
            }
        },
    }
}

/// Security groups and their networks, and whether these are the network that instances are launched in.
fn groups(ids: &[String], networks: &Result<Vec<String>, CloudError>, network: Option<&str>) -> Finding {
    let named = ids.join(", ");
    let networks = match networks {
        _ if ids.is_empty() => {
            return Finding::ok("groups", "the network's default one, as instance.security_group_ids is not set");
        }
        Err(error) => return not_found("groups", &named, error),
        Ok(networks) => networks,
    };
    let network = network.or(networks.first().map(String::as_str));
    match network.filter(|network| networks.iter().any(|other| other != network)) {
        Some(network) => {
            Finding::failed("groups", format!("not all of {named} are in {network}, where instances are launched"))
                .remedy("instance.security_group_ids and instance.subnet_id must be of one network")
        }
        None => Finding::ok("groups", named),
    }
}

fn fleet(holds: &Observed, settings: &Settings) -> Finding {
    let owned = |seen: &&Member| seen.instance.tags.contains_key(AUTO_SCALING);
    if let Some(seen) = holds.instances.iter().find(owned) {
        let group = &seen.instance.tags[AUTO_SCALING];
        return Finding::failed("fleet", format!("{} belongs to the Auto Scaling group {group}", seen.id())).remedy(
            "the group would replace what handwave retires: detach the instance, or take the fleet's tag off it",
        );
    }
    let limits = settings.fleet.limits();
    let strangers = holds.strangers.len();
    let state = FleetState::at_first(holds.clone(), limits, &Rules::default());
    let finding = Finding::ok("fleet", format!("{}: {state}", settings.fleet.name));
    match strangers {
        0 => finding,
        n => Finding::warning("fleet", finding.found)
            .remedy(format!("{n} on the balancer are not the fleet's: they are left alone")),
    }
}

fn may(what: &'static str, action: &str, permission: Permission) -> Finding {
    match permission {
        Permission::Allowed => Finding::ok(what, format!("{action} is allowed")),
        Permission::Missing(said) => permit(Finding::failed(what, format!("{action} is not allowed: {said}"))),
        Permission::Unknown(error) => Finding::failed(what, format!("{action}: {error}")),
    }
}

/// What config.toml names and AWS does not show.
fn not_found(what: &'static str, name: &str, error: &CloudError) -> Finding {
    match is_denied(error) {
        true => Finding::unknown(what, format!("{name}: the caller may not look it up")),
        false => Finding::failed(what, format!("{name}: {error}")).remedy("correct it in config.toml's [instance]"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clouds::finding::Verdict;
    use crate::config::Config;
    use crate::fleet::ports::Instance;

    #[test]
    fn an_instance_that_auto_scaling_owns_is_refused() {
        let settings = Config::shipped().clouds();
        let instance = Instance::new("i-1", InstanceState::Running, Timestamp::UNIX_EPOCH);
        let holds = |instance| Observed {
            instances: vec![Member { instance, health: None, why: None, described: true }],
            ..Observed::default()
        };
        assert_eq!(fleet(&holds(instance.clone()), &settings).verdict, Verdict::Ok);
        let found = fleet(&holds(instance.with_tag(AUTO_SCALING, "asg")), &settings);
        assert_eq!(
            (found.verdict, found.found.as_str()),
            (Verdict::Failed, "i-1 belongs to the Auto Scaling group asg")
        );
        assert!(found.remedy.is_some_and(|remedy| remedy.contains("would replace what handwave retires")));
    }
}

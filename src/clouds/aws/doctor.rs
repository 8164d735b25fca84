//! What `handwave doctor` finds in AWS. In: the settings. Out: a finding each for the identity, for what config.toml names,
//! and for what the caller may do. Reads and dry runs: nothing is changed.

use std::collections::BTreeSet;

use super::cloud::Aws;
use super::launch::TYPE;
use super::probe::{Permission, Probe, Subnet, is_refusal};
use super::session::OpenError;
use crate::clouds::cloud::Error;
use crate::clouds::finding::{Finding, Progress};
use crate::clouds::settings::Settings;
use crate::fleet::ports::{CloudError, InstanceState};
use crate::fleet::{FleetState, Observed, Rules, look};

const POLICY: &str = "give the caller the policy of docs/iam-policy.json";

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

    tell(launched(&probe, settings).await);
    if let Some(key) = &settings.instance.key_name {
        let found = probe.key(key).await;
        tell(found.map_or_else(|error| not_found("key", key, &error), |()| Finding::ok("key", key)));
    }
    let subnet = match &settings.instance.subnet_id {
        Some(id) => Some((id, probe.subnet(id).await)),
        None => None,
    };
    tell(match &subnet {
        None => Finding::ok("subnet", "a default one, as instance.subnet_id is not set"),
        Some((id, Ok(Subnet { zone, network }))) => Finding::ok("subnet", format!("{id} in {zone}, {network}")),
        Some((id, Err(error))) => not_found("subnet", id, error),
    });
    let subnet = subnet.and_then(|(_, found)| found.ok());
    tell(groups(&probe, settings, subnet.as_ref()).await);
    tell(balancer(&aws, settings, subnet.as_ref()).await);

    let holds = look(&ports).await;
    tell(match &holds {
        Ok(holds) => fleet(holds, settings),
        Err(error) => Finding::failed("fleet", error).remedy(format!("the fleet can't be seen: {POLICY}")),
    });
    let running = holds.iter().flat_map(|holds| &holds.instances).find(|i| i.instance.state == InstanceState::Running);
    tell(may("launch", "ec2:RunInstances", probe.may_launch().await));
    match running {
        Some(one) => {
            tell(may("tag", "ec2:CreateTags", probe.may_tag(one.id()).await));
            tell(may("terminate", "ec2:TerminateInstances", probe.may_terminate(one.id()).await));
        }
        None => tell(Finding::unknown(
            "retire",
            "ec2:CreateTags and ec2:TerminateInstances can be asked about a running instance of the fleet alone; there is none",
        )),
    }
    tell(Finding::unknown(
        "register",
        "a classic load balancer has no dry run: whether instances may be registered and deregistered shows with the first",
    ));
    Ok(())
}

fn pins(settings: &Settings) -> Finding {
    match (&settings.aws.account, &settings.aws.region) {
        (Some(_), Some(_)) => Finding::ok("pins", "account and region are those of config.toml"),
        _ => Finding::warning("pins", "whichever account and region the environment opens are taken")
            .remedy("set aws.account and aws.region in config.toml, so that no other login is changed by mistake"),
    }
}

/// The image and the type, and whether they go together.
async fn launched(probe: &Probe<'_>, settings: &Settings) -> Finding {
    let (mut image, mut kind) = (settings.instance.ami.clone(), settings.instance.kind.clone());
    let mut by = String::new();
    if let Some(name) = &settings.instance.launch_template {
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

async fn groups(probe: &Probe<'_>, settings: &Settings, subnet: Option<&Subnet>) -> Finding {
    let ids = &settings.instance.security_group_ids;
    if ids.is_empty() {
        return Finding::ok("groups", "the network's default one, as instance.security_group_ids is not set");
    }
    let networks = match probe.groups(ids).await {
        Ok(networks) => networks,
        Err(error) => return not_found("groups", &ids.join(", "), &error),
    };
    let strange = subnet.filter(|subnet| networks.iter().any(|network| *network != subnet.network));
    match strange {
        Some(Subnet { network, .. }) => {
            Finding::failed("groups", format!("not all of {} are in {network}", ids.join(", ")))
                .remedy("instance.security_group_ids and instance.subnet_id must be of one network")
        }
        None => Finding::ok("groups", ids.join(", ")),
    }
}

async fn balancer(aws: &Aws, settings: &Settings, subnet: Option<&Subnet>) -> Finding {
    let name = &settings.balancer.name;
    let shown = match aws.setup().find().await {
        Ok(Some(shown)) => shown,
        Ok(None) => {
            let remedy = "make it: `handwave balancer create --live`";
            return Finding::failed("balancer", format!("there is no load balancer {name}")).remedy(remedy);
        }
        Err(error) => return Finding::failed("balancer", error).remedy(POLICY),
    };
    let wanted: BTreeSet<String> = settings.balancer.listeners.iter().map(ToString::to_string).collect();
    let found = format!("{name}: {}, {}", shown.listeners.join(", "), shown.address);
    if let Some(subnet) = subnet.filter(|subnet| !shown.zones.contains(&subnet.zone)) {
        return Finding::failed(
            "balancer",
            format!("{name} does not serve {}, where instance.subnet_id is", subnet.zone),
        )
        .remedy("no instance would come into service: set balancer.subnets, and create it again");
    }
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

fn fleet(holds: &Observed, settings: &Settings) -> Finding {
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
        Permission::Missing(said) => Finding::failed(what, format!("{action} is not allowed: {said}")).remedy(POLICY),
        Permission::Unknown(error) => Finding::failed(what, format!("{action}: {error}")),
    }
}

/// What config.toml names and AWS does not show.
fn not_found(what: &'static str, name: &str, error: &CloudError) -> Finding {
    match is_refusal(error) {
        true => Finding::unknown(what, format!("{name}: the caller may not look it up")),
        false => Finding::failed(what, format!("{name}: {error}")).remedy("correct it in config.toml's [instance]"),
    }
}

//! Where CloudWatch counts the fleet's requests. In: the balancer's settings. Out: the metrics that count them. Those
//! of target groups have parts of their ARNs for names, which are looked up once.

use aws_sdk_cloudwatch::types::{Dimension, Metric};
use aws_sdk_elasticloadbalancingv2::types::TargetGroup as Described;
use tokio::sync::OnceCell;

use super::target_group::TargetGroup;
use crate::fleet::ports::CloudError;

/// What counts the fleet's requests.
pub enum Traffic {
    /// The classic load balancer of this name.
    Classic(String),
    TargetGroups {
        groups: Vec<TargetGroup>,
        counts: OnceCell<Counts>,
    },
    /// There is no balancer.
    Nothing,
}

/// The metrics whose sums are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Of the whole fleet, each a part of it.
    pub all: Vec<Metric>,
    /// Of one instance, on average. Empty where this kind of balancer does not count them.
    pub each: Vec<Metric>,
}

impl Traffic {
    pub fn of_groups(groups: Vec<TargetGroup>) -> Traffic {
        Traffic::TargetGroups { groups, counts: OnceCell::new() }
    }

    pub async fn counts(&self) -> Result<Counts, CloudError> {
        match self {
            Traffic::Classic(name) => {
                let requests = metric("AWS/ELB", "RequestCount", &[("LoadBalancerName", name)]);
                Ok(Counts { all: vec![requests], each: Vec::new() })
            }
            Traffic::TargetGroups { groups, counts } => {
                let ask = async || {
                    let mut described = Vec::new();
                    for group in groups {
                        described.push(group.describe().await?);
                    }
                    Ok(counts_of(&described))
                };
                counts.get_or_try_init(ask).await.cloned()
            }
            Traffic::Nothing => Ok(Counts::default()),
        }
    }
}

/// An application load balancer counts requests by target group, a network load balancer connections in all.
fn counts_of(groups: &[Described]) -> Counts {
    let mut counts = Counts::default();
    for group in groups {
        let Some(targets) = group.target_group_arn().and_then(|arn| arn.rsplit(':').next()) else { continue };
        for balancer in group.load_balancer_arns().iter().filter_map(|arn| arn.split_once(":loadbalancer/")) {
            let balancer = ("LoadBalancer", balancer.1);
            if balancer.1.starts_with("app/") {
                let of = [balancer, ("TargetGroup", targets)];
                counts.all.push(metric("AWS/ApplicationELB", "RequestCount", &of));
                counts.each.push(metric("AWS/ApplicationELB", "RequestCountPerTarget", &of));
            } else if balancer.1.starts_with("net/") {
                let connections = metric("AWS/NetworkELB", "NewFlowCount", &[balancer]);
                if !counts.all.contains(&connections) {
                    counts.all.push(connections);
                }
            }
        }
    }
    counts
}

pub(super) fn metric(namespace: &str, name: &str, of: &[(&str, &str)]) -> Metric {
    let of = of.iter().map(|(name, value)| Dimension::builder().name(*name).value(*value).build()).collect();
    Metric::builder().namespace(namespace).metric_name(name).set_dimensions(Some(of)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, balancers: &[&str]) -> Described {
        let arn = |rest: &str| format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:{rest}");
        let balancers = balancers.iter().map(|name| arn(&format!("loadbalancer/{name}"))).collect();
        let group = Described::builder().target_group_arn(arn(&format!("targetgroup/{name}")));
        group.set_load_balancer_arns(Some(balancers)).build()
    }

    #[test]
    fn an_application_balancer_counts_by_group_and_a_network_balancer_once() {
        let counts = counts_of(&[group("web/1", &["app/front/a"]), group("api/2", &["app/front/a", "app/other/b"])]);
        let of = |balancer, group| [("LoadBalancer", balancer), ("TargetGroup", group)];
        let each = [
            of("app/front/a", "targetgroup/web/1"),
            of("app/front/a", "targetgroup/api/2"),
            of("app/other/b", "targetgroup/api/2"),
        ];
        assert_eq!(counts.all, each.map(|of| metric("AWS/ApplicationELB", "RequestCount", &of)));
        assert_eq!(counts.each, each.map(|of| metric("AWS/ApplicationELB", "RequestCountPerTarget", &of)));

        let counts = counts_of(&[group("one/1", &["net/front/a"]), group("two/2", &["net/front/a"])]);
        assert_eq!(counts.all, [metric("AWS/NetworkELB", "NewFlowCount", &[("LoadBalancer", "net/front/a")])]);
        assert_eq!(counts.each, []);
        // In no balancer's use.
        assert_eq!(counts_of(&[group("idle/1", &[])]), Counts::default());
    }
}

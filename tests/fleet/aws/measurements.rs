//! CloudWatch and SQS on moto: what was measured is told, what is missing stays missing, and errors say what to do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use handwave::clouds::simulated::Front;
use handwave::config::Config;
use handwave::metrics::{Depth, Metrics, Query};
use jiff::Timestamp;

use super::proxy::{At, Fault};
use super::{NETWORK, Stage, moto, open};

const MINUTE: Duration = Duration::from_secs(60);
const GET: At = At::Action("GetMetricData");
const ATTRIBUTES: At = At::Action("GetQueueAttributes");

/// Asks moto itself, in the older protocol.
pub fn tell(service: &str, version: &str, form: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = form.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let body = format!("{}&Version={version}", pairs.join("&"));
    let mut to = TcpStream::connect(moto::address("others")).unwrap();
    write!(
        to,
        "POST / HTTP/1.1\r\nHost: moto\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, \
         Signature=x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
    answer
}

/// A value that CloudWatch has measured so many minutes ago. Returns when that minute began.
pub fn put(namespace: &str, name: &str, of: (&str, &str), ago: i64, value: f64) -> Timestamp {
    let minute = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60 - 60 * ago).unwrap();
    let (at, value) = (minute.to_string(), value.to_string());
    let member = |rest: &str| format!("MetricData.member.1.{rest}");
    let (dimension, is) = (member("Dimensions.member.1.Name"), member("Dimensions.member.1.Value"));
    let form = [
        ("Action", "PutMetricData"),
        ("Namespace", namespace),
        (&*member("MetricName"), name),
        (&*dimension, of.0),
        (&*is, of.1),
        (&*member("Timestamp"), &at),
        (&*member("Value"), &value),
    ];
    tell("monitoring", "2010-08-01", &form);
    minute
}

/// A queue of moto's. Returns its URL.
pub fn queue(name: &str) -> String {
    let answer = tell("sqs", "2012-11-05", &[("Action", "CreateQueue"), ("QueueName", name)]);
    answer.split("<QueueUrl>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

/// The stage's measurements, of this queue.
async fn measurements(stage: &Stage, queue: &str) -> impl Metrics + use<> {
    let text = format!("{}[policy.queue]\nurl = \"{queue}\"\n", stage.text);
    let measurements = open(&Config::parse(&text, "the test's").unwrap()).await.measurements();
    stage.proxy.take_calls();
    measurements
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_told_and_a_gap_is_a_gap() {
    let stage = Stage::bare("measured").await;
    let metrics = measurements(&stage, "").await;
    let of = ("InstanceId", "i-measured");
    let early = put("AWS/EC2", "CPUUtilization", of, 9, 12.5);
    let late = put("AWS/EC2", "CPUUtilization", of, 6, 40.0);
    // A minute that has not ended.
    put("AWS/EC2", "CPUUtilization", of, 0, 99.0);
    let queries = [Query::Cpu("i-other".into()), Query::Cpu("i-measured".into())];
    let told = metrics.series(&queries, 20 * MINUTE, MINUTE).await.unwrap();
    assert_eq!(told[0], []);
    let told: Vec<_> = told[1].iter().map(|point| (point.at, point.value)).collect();
    assert_eq!(told, [(early, 12.5), (late, 40.0)]);
    assert_eq!(stage.proxy.take_calls(), ["GetMetricData"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_five_hundred_queries() {
    let stage = Stage::bare("measured-many").await;
    let metrics = measurements(&stage, "").await;
    let last = put("AWS/EC2", "CPUUtilization", ("InstanceId", "i-500"), 3, 7.0);
    let queries: Vec<_> = (0..=500).map(|i| Query::Cpu(format!("i-{i}").as_str().into())).collect();
    let told = metrics.series(&queries, 10 * MINUTE, MINUTE).await.unwrap();
    assert_eq!(told.len(), 501);
    assert!(told[..500].iter().all(Vec::is_empty));
    assert_eq!(told[500].iter().map(|point| (point.at, point.value)).collect::<Vec<_>>(), [(last, 7.0)]);
    assert_eq!(stage.proxy.take_calls(), ["GetMetricData", "GetMetricData"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_no_empty_answer() {
    let stage = Stage::bare("measured-errors").await;
    let metrics = measurements(&stage, &queue("measured-errors")).await;
    let cpu = [Query::Cpu("i-1".into())];
    for (status, code, message, told) in [
        (403, "AccessDenied", "not authorized", "add the permission cloudwatch:GetMetricData"),
        (403, "AccessDenied", "with an explicit deny in a service control policy", "organization's administrator"),
        (400, "Throttling", "Rate exceeded", "Throttling: Rate exceeded"),
        (500, "InternalServiceFault", "told to fail", "InternalServiceFault"),
    ] {
        stage.proxy.fail(GET, Fault::Error(status, code, message.into()));
        let error = metrics.series(&cpu, 5 * MINUTE, MINUTE).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert_eq!(stage.proxy.take_calls(), ["GetMetricData"], "it is not asked again");
    }
    stage.proxy.fail(GET, Fault::Lost);
    assert!(metrics.series(&cpu, 5 * MINUTE, MINUTE).await.is_err());
    stage.proxy.fail(ATTRIBUTES, Fault::Error(403, "AccessDenied", "not authorized".into()));
    let error = metrics.depth().await.unwrap_err().to_string();
    assert!(error.contains("add the permission sqs:GetQueueAttributes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_where_the_balancer_counts_them() {
    let stage = Stage::bare("measured-requests").await;
    let metrics = measurements(&stage, "").await;
    let at = put("AWS/ELB", "RequestCount", ("LoadBalancerName", "measured-requests"), 4, 250.0);
    let told = metrics.series(&[Query::Requests], 10 * MINUTE, MINUTE).await.unwrap().remove(0);
    assert_eq!(told.iter().map(|point| (point.at, point.value)).collect::<Vec<_>>(), [(at, 250.0)]);
    let error = metrics.series(&[Query::RequestsEach], 10 * MINUTE, MINUTE).await.unwrap_err();
    assert_eq!(error.to_string(), "this kind of load balancer does not count the requests of an instance");

    let nothing = Stage::behind(Front::Nothing, "measured-nothing", 0).await;
    let error = measurements(&nothing, "").await.series(&[Query::Requests], 10 * MINUTE, MINUTE).await.unwrap_err();
    assert_eq!(error.to_string(), "no load balancer counts this fleet's requests");
}

/// The names of a group's balancer are asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_balancer_counts_connections() {
    let stage = Stage::behind(Front::TargetGroups(1), "measured-group", 0).await;
    let metrics = measurements(&stage, "").await;
    for _ in 0..2 {
        let told = metrics.series(&[Query::Requests], 10 * MINUTE, MINUTE).await.unwrap();
        assert_eq!(told, [vec![]]);
    }
    assert_eq!(stage.proxy.take_calls(), ["DescribeTargetGroups", "GetMetricData", "GetMetricData"]);
    assert!(NETWORK.contains("network"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_has_three_counts_and_none_is_made_up() {
    let stage = Stage::bare("measured-queue").await;
    let url = queue("measured-queue");
    for i in 0..3 {
        let (body, delay) = (i.to_string(), if i == 0 { "900" } else { "0" });
        let form = [("Action", "SendMessage"), ("QueueUrl", &url), ("MessageBody", &body), ("DelaySeconds", delay)];
        tell("sqs", "2012-11-05", &form);
    }
    tell("sqs", "2012-11-05", &[("Action", "ReceiveMessage"), ("QueueUrl", &url), ("VisibilityTimeout", "600")]);
    let metrics = measurements(&stage, &url).await;
    assert_eq!(metrics.depth().await.unwrap(), Depth { visible: 1, in_flight: 1, delayed: 1 });

    let says = |rest: &str| {
        let body = format!(r#"{{"Attributes": {{"ApproximateNumberOfMessages": "4"{rest}}}}}"#);
        stage.proxy.fail(ATTRIBUTES, Fault::Says(body));
    };
    says(r#", "ApproximateNumberOfMessagesNotVisible": "2", "ApproximateNumberOfMessagesDelayed": "0""#);
    assert_eq!(metrics.depth().await.unwrap(), Depth { visible: 4, in_flight: 2, delayed: 0 });
    for rest in [
        r#", "ApproximateNumberOfMessagesDelayed": "0""#,
        r#", "ApproximateNumberOfMessagesNotVisible": "", "ApproximateNumberOfMessagesDelayed": "0""#,
        r#", "ApproximateNumberOfMessagesNotVisible": "-1", "ApproximateNumberOfMessagesDelayed": "0""#,
    ] {
        says(rest);
        let error = metrics.depth().await.unwrap_err().to_string();
        assert_eq!(error, "SQS did not say the queue's ApproximateNumberOfMessagesNotVisible");
    }

    tell("sqs", "2012-11-05", &[("Action", "DeleteQueue"), ("QueueUrl", &url)]);
    let error = metrics.depth().await.unwrap_err().to_string();
    assert!(error.contains("NonExistentQueue") || error.contains("does not exist"), "{error}");
    let error = measurements(&stage, "").await.depth().await.unwrap_err().to_string();
    assert!(error.contains("set policy.queue.url"), "{error}");
}

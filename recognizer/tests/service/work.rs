//! Workers on the stand-in, with the real model: every message is answered once, whatever happens to them.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use crate::stage::{PICTURES, Process, Stage, text, until};

const SOON: Duration = Duration::from_secs(30);

/// Each picture has one answer that is right, and each of its responses says the same.
fn assert_answered(stage: &Stage, count: usize) {
    let answers = stage.answers();
    assert_eq!(answers.len(), count);
    let mut labels = BTreeMap::<&str, usize>::new();
    answers.values().for_each(|label| *labels.entry(label).or_default() += 1);
    for (i, (_, label)) in PICTURES.iter().enumerate() {
        assert_eq!(labels.get(label), Some(&((count + 2 - i) / 3)), "{labels:?}");
    }
    let responses = stage.responses();
    for response in &responses {
        assert_eq!(
            answers.get(response["id"].as_str().unwrap()),
            response["label"].as_str().map(String::from).as_ref()
        );
    }
    let told: std::collections::BTreeSet<_> = responses.iter().map(|response| response["id"].as_str()).collect();
    assert_eq!(told.len(), count, "each is told");
}

#[test]
fn workers_that_are_killed_amid_work_leave_each_message_answered_once() {
    let stage = Stage::new("killed", "3s");
    stage.requests(36);
    let start = || stage.worker(&["--concurrency", "2", "--pace", "250ms"], None);
    // Nine lives. None has a picture for longer than its kill takes, and each kill is amid work.
    let mut workers: Vec<Process> = (0..3).map(|_| start()).collect();
    for life in 0..6 {
        sleep(Duration::from_millis(500 + 70 * life));
        workers.remove(0).kill();
        workers.push(start());
    }
    until(SOON, "the queue is empty", || stage.depth("requests") == (0, 0));
    drop(workers);
    assert_answered(&stage, 36);
    assert_eq!(stage.depth("requests-dead"), (0, 0));
}

#[test]
fn an_answer_that_is_stored_already_is_told_and_stays() {
    let stage = Stage::new("stored", "3s");
    stage.requests(1);
    // As by a worker that was killed before it told it.
    let id = stage.boto(
        "key = s3.list_objects_v2(Bucket=INPUT)['Contents'][0]['Key']\n\
         answer = dict(id=key, label='ferret', confidence=0.5, waited_ms=1, worked_ms=2, worker='i-before')\n\
         s3.put_object(Bucket=OUTPUT, Key=key, Body=b'ferret', Metadata=dict(answer=json.dumps(answer)))\n\
         print(json.dumps(key))",
    );
    assert_eq!(stage.run(&["work", "--until-empty"]).status.code(), Some(0));
    let responses = stage.responses();
    assert_eq!(responses.len(), 1);
    assert_eq!((&responses[0]["label"], &responses[0]["worker"]), (&"ferret".into(), &"i-before".into()));
    assert_eq!(stage.answers(), BTreeMap::from([(id.as_str().unwrap().to_owned(), "ferret".to_owned())]));
    assert_eq!(stage.depth("requests"), (0, 0));
}

#[test]
fn what_cannot_be_read_is_tried_three_times_and_its_reason_is_the_answer() {
    let stage = Stage::new("unreadable", "3s");
    stage.requests(2);
    stage.boto(
        "for id, body in (('11111111-1111-4111-8111-111111111111', b'this is text'),\n                 \
         ('22222222-2222-4222-8222-222222222222', b'\\x89PNG\\r\\n\\x1a\\n'), \
         ('33333333-3333-4333-8333-333333333333', None)):\n    \
         body is None or s3.put_object(Bucket=INPUT, Key=id, Body=body)\n    \
         message = dict(id=id, name='bad.png', sent='2026-01-01T00:00:00Z')\n    \
         sqs.send_message(QueueUrl=url('requests'), MessageBody=json.dumps(message))\n\
         sqs.send_message(QueueUrl=url('requests'), MessageBody='no JSON at all')\nprint('null')",
    );
    let worked = stage.run(&["work", "--until-empty"]);
    let told = text(&worked.stderr);
    assert_eq!(worked.status.code(), Some(0), "{told}");
    for attempt in ["(try 1 of 3)", "(try 2 of 3)"] {
        assert_eq!(told.matches(attempt).count(), 3, "{told}");
    }
    let answers = stage.answers();
    for (id, said) in
        [("1111", "no picture that can be read"), ("2222", "is damaged"), ("3333", "not in the input bucket")]
    {
        let (_, answer) = answers.iter().find(|(key, _)| key.starts_with(id)).unwrap();
        assert!(answer.contains(said), "{answer}");
    }
    let responses = stage.responses();
    assert_eq!(responses.len(), 5);
    assert_eq!(responses.iter().filter(|response| response["error"].is_string()).count(), 3);
    assert_eq!((stage.depth("requests"), stage.depth("requests-dead")), ((0, 0), (4, 0)));
}

#[test]
fn a_long_picture_is_held_by_heartbeats() {
    let stage = Stage::new("heartbeat", "3s");
    stage.requests(1);
    let slow = stage.worker(&["--pace", "6s"], None);
    until(SOON, "it has the picture", || stage.depth("requests") == (0, 1));
    // The second would take it after two seconds.
    let other = stage.worker(&["--name", "other"], None);
    until(SOON, "it is answered", || stage.answers().len() == 1);
    drop((slow, other));
    let responses = stage.responses();
    assert_eq!(responses.len(), 1);
    assert_ne!(responses[0]["worker"], "other");
    assert!(responses[0]["worked_ms"].as_u64().unwrap() >= 6000, "{responses:?}");
    assert!(responses[0]["waited_ms"].as_u64().unwrap() > 1000, "{responses:?}");
}

#[test]
fn a_tagged_instance_finishes_takes_no_more_and_powers_off() {
    let stage = Stage::new("retiring", "30s");
    stage.requests(6);
    let folder = tempfile::tempdir().unwrap();
    let off = folder.path().join("off");
    let power_off = format!("touch {}", off.display());
    let mut worker = stage.worker(&["--pace", "4s", "--power-off", &power_off], Some("i-0123456789abcdef0"));
    let mut stays = stage.worker(&["--pace", "4s", "--power-off", "false"], Some("i-0fedcba9876543210"));
    until(SOON, "both have a picture", || stage.depth("requests").1 == 2);
    stage.retire("i-0123456789abcdef0");
    assert_eq!(worker.ended(SOON), 0);
    assert!(off.exists(), "it does not power off");
    assert!(stays.is_running());
    stays.terminate();
    assert_eq!(stays.ended(SOON), 0, "a signal does not power off");
    // Nothing is in flight: what they had is answered, the rest waits.
    let (waiting, in_flight) = stage.depth("requests");
    let responses = stage.responses();
    assert_eq!((waiting as usize + responses.len(), in_flight), (6, 0));
    let of = |id: &str| responses.iter().filter(|response| response["worker"] == id).count();
    assert!(of("i-0123456789abcdef0") >= 1 && of("i-0fedcba9876543210") >= 1, "{responses:?}");
    // The tag is there before the third: a look every two seconds, a picture every four.
    assert!(of("i-0123456789abcdef0") <= 2, "{responses:?}");
}

#[test]
fn a_power_off_that_fails_is_told() {
    let stage = Stage::new("stays-on", "30s");
    let mut command = stage.worker(&["--until-empty", "--power-off", "exit 3"], Some("i-0123456789abcdef0"));
    assert_eq!(command.ended(SOON), 1);
}

#[test]
fn what_is_missing_is_one_sentence() {
    let stage = Stage::bare("missing");
    let told = stage.run(&["work"]);
    let said = text(&told.stderr);
    assert_eq!((told.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("there is no queue missing-requests: run `recognizer setup` first"), "{said}");
    let told = stage.command(&["work"]).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").output().unwrap();
    assert!(text(&told.stderr).contains("there is no region: set AWS_REGION"), "{}", text(&told.stderr));
    let told =
        stage.command(&["work"]).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").output().unwrap();
    let said = text(&told.stderr);
    assert!(said.lines().count() == 1 && said.contains("there are no credentials: log in"), "{said}");
    let told = stage.run(&["work", "--wait", "1m"]);
    assert!(text(&told.stderr).contains("--wait is from 1s to 20s"), "{}", text(&told.stderr));
    let setup = stage.run(&["setup"]);
    assert!(setup.status.success());
    let told = stage.command(&["work"]).env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so").output().unwrap();
    assert!(text(&told.stderr).contains("/nowhere/libonnxruntime.so can't be loaded"), "{}", text(&told.stderr));
}

#[test]
fn what_is_no_request_comes_again_slowly_where_no_dead_letter_queue_takes_it() {
    let stage = Stage::bare("no-dead");
    assert!(stage.run(&["setup"]).status.success());
    stage.boto(
        "sqs.create_queue(QueueName='no-dead-alone', Attributes=dict(VisibilityTimeout='3'))\n\
         sqs.send_message(QueueUrl=url('alone'), MessageBody='no JSON at all')\nprint('null')",
    );
    let told = stage.run(&["work", "--until-empty", "--wait", "1s", "--requests", "no-dead-alone"]);
    let said = text(&told.stderr);
    assert!(told.status.success() && said.matches("no request (try").count() == 1, "{said}");
}

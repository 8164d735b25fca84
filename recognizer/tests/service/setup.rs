//! What setup makes and erase deletes, on the stand-in.

use std::fs::OpenOptions;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::stage::{Process, Stage, golden, text};

#[test]
fn setup_makes_what_is_absent_and_leaves_what_is_there() {
    let stage = Stage::bare("made");
    let first = text(&stage.run(&["setup"]).stdout);
    assert_eq!(first.matches("is made in us-east-1").count(), 5, "{first}");
    assert!(first.contains("queue made-requests-dead takes what was received 3 times"), "{first}");
    let second = text(&stage.run(&["setup", "--visibility", "5m"]).stdout);
    assert_eq!((second.matches(" is made").count(), second.matches("is there").count()), (0, 4), "{second}");
    let rules = stage.boto(
        "print(json.dumps(sqs.get_queue_attributes(QueueUrl=url('requests'), AttributeNames=['All'])['Attributes']))",
    );
    assert_eq!(rules["VisibilityTimeout"], "30");
    assert!(rules["RedrivePolicy"].as_str().unwrap().contains("made-requests-dead"), "{rules}");
}

#[test]
fn setup_refuses_names_that_cannot_be() {
    let stage = Stage::bare("named");
    let told = stage.command(&["setup"]).env("RECOGNIZER_INPUT", "No Bucket").output().unwrap();
    let said = text(&told.stderr);
    assert_eq!((told.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("No Bucket"), "{said}");
}

#[test]
fn erase_asks_and_deletes_this_application_s_data_alone() {
    let stage = Stage::new("erased", "30s");
    stage.requests(3);
    assert!(stage.run(&["work", "--until-empty"]).status.success());
    stage.requests(2);
    // Things of others: a key in our bucket, a bucket, a queue.
    stage.boto(
        "s3.put_object(Bucket=INPUT, Key='notes/readme.txt', Body=b'mine')\n\
         s3.create_bucket(Bucket='theirs')\n\
         s3.put_object(Bucket='theirs', Key='11111111-1111-4111-8111-111111111111', Body=b'x')\n\
         theirs = sqs.create_queue(QueueName='erased-theirs')['QueueUrl']\n\
         sqs.send_message(QueueUrl=theirs, MessageBody='x')\n\
         print('null')",
    );
    let counts = "5 objects in the bucket erased-input, 3 objects in the bucket erased-output, 2 messages in the queue \
                  erased-requests, 3 messages in the queue erased-responses, 0 messages in the queue \
                  erased-requests-dead";
    let asked = stage.run(&["erase"]);
    let said = text(&asked.stderr);
    assert_eq!(asked.status.code(), Some(1));
    assert!(said.contains(&format!("no terminal to ask at; --yes erases {counts}")), "{said}");
    assert_eq!(stage.answers().len(), 3, "it only asked");

    let erased = stage.run(&["erase", "--yes"]);
    let said = text(&erased.stdout);
    assert!(erased.status.success(), "{}", text(&erased.stderr));
    assert!(said.contains(&format!("Erased {counts}.")) && said.contains("1 objects whose names"), "{said}");
    let left = stage.boto(
        "print(json.dumps([[o['Key'] for o in s3.list_objects_v2(Bucket=b).get('Contents', [])] \
         for b in (INPUT, OUTPUT, 'theirs')]))",
    );
    let expected: serde_json::Value =
        serde_json::json!([["notes/readme.txt"], [], ["11111111-1111-4111-8111-111111111111"]]);
    assert_eq!(left, expected);
    for (queue, depth) in [("requests", 0), ("responses", 0), ("requests-dead", 0), ("theirs", 1)] {
        assert_eq!(stage.depth(queue), (depth, 0), "{queue}");
    }
}

#[test]
fn a_second_erase_deletes_what_it_can_and_says_when_to_come_again() {
    let stage = Stage::new("again", "30s");
    assert!(stage.run(&["erase", "--yes"]).status.success());
    stage.requests(2);
    let told = stage.run(&["erase", "--yes"]);
    let said = text(&told.stderr);
    assert_eq!((told.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(
        said.contains("for again-requests, again-responses, again-requests-dead: run this again in a minute"),
        "{said}"
    );
    let left = stage.boto("print(json.dumps(s3.list_objects_v2(Bucket=INPUT)['KeyCount']))");
    assert_eq!(left, 0);
}

#[test]
fn erase_names_a_dead_letter_queue_of_others() {
    let stage = Stage::bare("shared");
    stage.boto(
        "dead = sqs.create_queue(QueueName='everybodys')['QueueUrl']\n\
         arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=['QueueArn'])['Attributes']['QueueArn']\n\
         policy = json.dumps(dict(deadLetterTargetArn=arn, maxReceiveCount='4'))\n\
         sqs.create_queue(QueueName='shared-requests', Attributes=dict(RedrivePolicy=policy))\nprint('null')",
    );
    assert!(stage.run(&["setup"]).status.success());
    let said = text(&stage.run(&["erase"]).stdout);
    assert!(said.contains("the dead-letter queue everybodys is not of `recognizer setup`"), "{said}");
}

#[test]
fn what_is_not_there_is_told_at_the_start() {
    let stage = Stage::new("start", "30s");
    let url = stage.boto("print(json.dumps(url('requests')))");
    let url = url.as_str().unwrap();
    for tier in [&["work", "--until-empty"][..], &["web", "--listen", "127.0.0.1:0"], &["erase", "--yes"]] {
        for (option, value, said) in [
            ("--input", "no-such-input", "there is no bucket no-such-input: run `recognizer setup` first"),
            ("--output", "no-such-output", "there is no bucket no-such-output"),
            ("--requests", &format!("{url}-none"), "-requests-none: run `recognizer setup` first"),
            ("--responses", &format!("{url}-none"), "-requests-none: run `recognizer setup` first"),
        ] {
            let told = stage.run(&[tier, &[option, value]].concat());
            let found = text(&told.stderr);
            assert_eq!((told.status.code(), found.lines().count()), (Some(1), 1), "{found}");
            assert!(found.contains(said), "{found}");
        }
    }
    assert!(stage.run(&["work", "--until-empty", "--requests", url]).status.success(), "a URL that is right");
}

#[test]
fn a_visibility_time_out_that_nobody_can_renew_in_time_is_refused() {
    let stage = Stage::bare("brief");
    let told = stage.run(&["setup", "--visibility", "2s"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told.stderr).contains("--visibility is from 3s to 12h"), "{}", text(&told.stderr));
    // A queue that others made.
    stage.boto("sqs.create_queue(QueueName='brief-requests', Attributes=dict(VisibilityTimeout='2'))\nprint('null')");
    assert!(stage.run(&["setup"]).status.success());
    let told = stage.run(&["work", "--until-empty"]);
    let said = text(&told.stderr);
    assert_eq!((told.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("brief-requests hides a message for 2 s only: set its visibility time-out to 3 s"), "{said}");
}

#[test]
fn an_output_that_is_full_or_closed_is_no_panic() {
    let stage = Stage::new("full", "30s");
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let folder = golden();
    let folder = folder.to_str().unwrap();
    let load = ["load", "--num-request", "1", "--url", "http://127.0.0.1:9", "--folder", folder];
    for args in [&["setup"][..], &["web", "--listen", "127.0.0.1:0"], &["erase", "--yes"], &load] {
        let told = stage.command(args).stdout(full()).output().unwrap();
        let said = text(&told.stderr);
        assert_eq!((told.status.code(), said.matches("panicked").count()), (Some(1), 0), "{args:?}: {said}");
        assert!(said.contains("standard output can't be written (No space left"), "{args:?}: {said}");
        // Not even the sentence can be told.
        assert_eq!(stage.command(args).stdout(full()).stderr(full()).status().unwrap().code(), Some(1), "{args:?}");
    }
    // Nobody reads: it does what it shall.
    let mut setup = stage.command(&["setup"]).spawn().unwrap();
    drop(setup.stdout.take());
    assert!(setup.wait().unwrap().success());
    let mut web = stage.command(&["web", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
    drop(web.stdout.take());
    let mut web = Process(web);
    sleep(Duration::from_secs(1));
    assert!(web.is_running());
}

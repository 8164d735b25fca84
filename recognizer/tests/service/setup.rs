//! What setup makes and erase deletes, on the stand-in.

use crate::stage::{Stage, text};

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

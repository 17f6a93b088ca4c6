//! Which dead letters are selected, how many, and what may be done with them.

use std::collections::{BTreeMap, BTreeSet};

use ballet_amqp::headers::{DEAD_AT, DEAD_DETAIL, DEAD_EXCHANGE, DEAD_REASON, DEAD_ROUTING_KEY};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_testkit::command::ended;
use serde_json::{Value, json};

use crate::world::{CounterWorld, TICKED, TOCKED, publish_all};

async fn put_dead_letters(world: &CounterWorld, count: usize) {
    let letter = |number: usize| {
        let (reason, event) = match number % 3 {
            0 => ("permanent", TICKED),
            1 => ("permanent", TOCKED),
            _ => ("wrong_shape", TICKED),
        };
        let mut headers = FieldTable::default();
        let hour = number * 24 / count;
        for (name, value) in [
            (DEAD_REASON, reason.to_owned()),
            (DEAD_DETAIL, format!("dead letter {number}")),
            (DEAD_AT, format!("2026-01-01T{hour:02}:00:00.{number:06}Z")),
            (DEAD_EXCHANGE, "events".to_owned()),
            (DEAD_ROUTING_KEY, event.to_owned()),
        ] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        let properties = BasicProperties::default()
            .with_message_id(world.new_id().into())
            .with_type(event.into())
            .with_delivery_mode(2)
            .with_headers(headers);
        Publish {
            exchange: "dead".to_owned(),
            routing_key: "counter".to_owned(),
            mandatory: true,
            properties,
            body: json!({ "number": number }).to_string().into(),
        }
    };
    publish_all(world.env.amqp_url("redrive"), (0..count).map(letter)).await;
}

async fn groups(world: &CounterWorld) -> BTreeMap<(String, String), u64> {
    let rows = world.ballet(&["groups", "-o", "jsonl"]).await.ends_with(0).lines();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.into_iter()
        .map(|row| {
            ((text(&row["reason"]), text(&row["type"])), row["dead_letters"].as_u64().expect("n"))
        })
        .collect()
}

#[tokio::test]
async fn t79_t83_of_thousands_exactly_those_that_are_meant_are_sent_and_counts_are_right() {
    // More than the reader has in its window.
    let (count, third) = (600, 200);
    let mut world = CounterWorld::new("many").await;
    world.stop().await;
    put_dead_letters(&world, count).await;
    let key = |reason: &str, event: &str| (reason.to_owned(), event.to_owned());
    let seen = groups(&world).await;
    assert_eq!(
        seen,
        BTreeMap::from([
            (key("permanent", TICKED), third),
            (key("permanent", TOCKED), third),
            (key("wrong_shape", TICKED), third),
        ])
    );
    let listed = world.list(&[]).await;
    let ids: BTreeSet<String> =
        listed.iter().map(|dead_letter| dead_letter["id"].to_string()).collect();
    assert_eq!((listed.len(), ids.len()), (count, count), "none twice, none missing");
    assert_eq!(groups(&world).await, seen, "looking changes nothing");

    let plan = ["redrive", "--reason", "permanent", "--type", TICKED];
    let dry = world.ballet(&[&plan[..], &["--dry-run"]].concat()).await.ends_with(0);
    assert!(dry.err.contains("would be sent back"), "{dry:?}");
    assert_eq!(groups(&world).await, seen, "a dry run changes nothing");
    let few = [&plan[..], &["--limit", "2"]].concat();
    world.ballet(&few).await.ends_with(0).says(&["2 dead letters sent back"]);
    assert_eq!(groups(&world).await[&key("permanent", TICKED)], third - 2);
    world.ballet(&plan).await.ends_with(0);
    let left =
        BTreeMap::from([(key("permanent", TOCKED), third), (key("wrong_shape", TICKED), third)]);
    assert_eq!(groups(&world).await, left);

    let discard = ["discard", "--reason", "wrong_shape", "--yes", "--to", "kept"];
    world.ballet(&discard).await.ends_with(0);
    let kept = std::fs::read_to_string(world.place.join("kept")).expect("a file");
    assert_eq!(kept.lines().count() as u64, third);
    // The queue may return messages in another order.
    let bodies = kept.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["body"].as_str().expect("text").to_owned()
    });
    let wrong = (2..count).step_by(3).map(|number| format!("{{\"number\":{number}}}"));
    assert_eq!(bodies.collect::<BTreeSet<_>>(), wrong.collect());
    assert_eq!(groups(&world).await, BTreeMap::from([(key("permanent", TOCKED), third)]));
    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.start().await;
    world.are_counted(2 * 200).await;
    assert!(world.counted().await.iter().all(|(number, times)| number % 3 != 2 && *times == 1));
    world.close().await;
}

pub(crate) async fn what_means_nothing_or_several_is_refused_with_words(world: &CounterWorld) {
    world.trouble("tick", true).await;
    let ids = ["0193f7a0-0000-4000-8000-00000000aaaa", "0193f7a0-0000-4001-8000-00000000aaaa"];
    for id in ids {
        world.publish(TICKED, &json!({ "message_id": id }), r#"{"number": 0}"#).await;
    }
    world.dead(2).await;
    for (arguments, said) in [
        (vec!["show", "nothing-like-it"], "no dead letter whose id ends with"),
        (vec!["redrive"], "no dead letters are selected"),
        (vec!["discard", "--yes"], "no dead letters are selected"),
        (vec!["discard", "--all"], "--yes does it"),
        (vec!["show", "aaaa"], "several messages"),
        (vec!["redrive", "--id", "a"], ids[0]),
        (vec!["redrive", "--id", "aaaa"], "is the end of 2 ids, give more"),
        (vec!["discard", "--id", "AAAA", "--yes"], ids[1]),
    ] {
        world.ballet(&arguments).await.ends_with(2).says(&[said]);
    }
    let mut elsewhere = world.command(&["list"]);
    elsewhere.env("AMQP_URL", "amqp://ada:secret@127.0.0.1:1/clocks");
    let refused = ended(elsewhere).await.ends_with(4);
    assert!(refused.err.contains("cannot be reached") && !refused.err.contains("secret"));
    let mut nobody = world.command(&["list", "--service", "nobody"]);
    nobody.stdout(std::process::Stdio::piped());
    ended(nobody).await.ends_with(1).says(&["\"nobody\" is the name of a service"]);
    assert_eq!(world.list(&[]).await.len(), ids.len());
}

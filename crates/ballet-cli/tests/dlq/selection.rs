//! The selection of dead letters: which are selected, how many, and what may be done with them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ballet_amqp::headers::{DEAD_AT, DEAD_DETAIL, DEAD_EXCHANGE, DEAD_REASON, DEAD_ROUTING_KEY};
use ballet_amqp::{AMQPValue, BasicProperties, Broker, BrokerError, FieldTable, Publish, RabbitMq};
use ballet_testkit::command::ended;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::{CounterWorld, TICKED, TOCKED, publish_all};

/// Puts many dead letters at once, as the service writes them.
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
    // The time for 100,000 is measured by hand: `DEAD_LETTERS=100000`.
    let count = std::env::var("DEAD_LETTERS").ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(3_000_usize) / 3 * 3;
    let third = count as u64 / 3;
    let mut world = CounterWorld::new("many").await;
    world.stop().await;
    put_dead_letters(&world, count).await;
    let key = |reason: &str, event: &str| (reason.to_owned(), event.to_owned());
    let begun = std::time::Instant::now();
    let seen = groups(&world).await;
    eprintln!("groups of {count}: {:?}", begun.elapsed());
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
    let begun = std::time::Instant::now();
    world.ballet(&[&plan[..], &["--no-canary", "--patience", "0"]].concat()).await.ends_with(0);
    eprintln!("redrive of {third} in {count}: {:?}", begun.elapsed());
    let left =
        BTreeMap::from([(key("permanent", TOCKED), third), (key("wrong_shape", TICKED), third)]);
    assert_eq!(groups(&world).await, left);

    let older = world.list(&["--older-than", "1s", "--type", TOCKED, "--limit", "5"]).await;
    assert_eq!(older.len(), 5);
    assert!(world.list(&["--newer-than", "1min"]).await.is_empty());

    let begun = std::time::Instant::now();
    world
        .ballet(&["discard", "--reason", "wrong_shape", "--yes", "--to", "kept"])
        .await
        .ends_with(0);
    eprintln!("discard of {third}: {:?}", begun.elapsed());
    let kept = std::fs::read_to_string(world.place.join("kept")).expect("a file");
    assert_eq!(kept.lines().count() as u64, third);
    // The queue may return messages in another order after they were looked at and put back.
    let bodies = kept.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["body"].as_str().expect("text").to_owned()
    });
    let wrong = (2..count).step_by(3).map(|number| format!("{{\"number\":{number}}}"));
    assert_eq!(bodies.collect::<BTreeSet<_>>(), wrong.collect());
    assert_eq!(groups(&world).await, BTreeMap::from([(key("permanent", TOCKED), third)]));
    let begun = std::time::Instant::now();
    world.ballet(&["redrive", "--all", "--no-canary", "--patience", "0"]).await.ends_with(0);
    eprintln!("redrive of {third}: {:?}", begun.elapsed());
    world.start().await;
    let whole = i64::try_from(2 * third).expect("a count");
    world.are_counted(whole).await;
    assert!(world.counted().await.iter().all(|(number, times)| number % 3 != 2 && *times == 1));
    world.close().await;
}

#[tokio::test]
async fn t79_one_of_each_group_goes_ahead_and_a_group_whose_canary_dies_again_stays() {
    let world = CounterWorld::new("groups").await;
    world.trouble("tock", true).await;
    for number in 0..4 {
        world.tick(TOCKED, 100 + number).await;
    }
    world.dead(4).await;
    world.trouble("tick", true).await;
    for number in 0..4 {
        world.tick(TICKED, number).await;
    }
    world.dead(8).await;
    world.trouble("tick", false).await;
    let done = world.ballet(&["redrive", "--all"]).await.ends_with(3);
    assert!(done.err.contains("5 dead letters sent back"), "{done:?}");
    assert!(done.out.contains("is dead again: the counter is full"), "{done:?}");
    assert!(done.err.contains("groups whose first message died again were not sent"), "{done:?}");
    assert!(!done.err.contains("--patience"), "{done:?}");
    world.all_counted_once(4).await;
    world.dead(4).await;
    assert_eq!(world.redrives().await, [0, 0, 0, 1]);
    world.close().await;
}

/// The address of a Postgres that answers everybody that it is starting.
async fn starting_postgres() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let length = u32::try_from(4 + fields.len()).expect("short").to_be_bytes();
    let answer = [&b"E"[..], &length, fields].concat();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            if client.read(&mut asked).await.is_ok() {
                client.write_all(&answer).await.ok();
            }
        }
    });
    address
}

#[tokio::test]
async fn an_id_a_reason_or_a_choice_that_means_nothing_or_several_is_refused_with_words() {
    let world = CounterWorld::new("ids").await;
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
        (vec!["discard", "--all"], "give --yes"),
        (vec!["list", "--reason", "fialed"], "none of crash_loop, unreadable_properties"),
        (vec!["groups", "--reason", "fialed", "-o", "json"], "has the reason \"fialed\""),
        (vec!["redrive", "--reason", "fialed"], "too_old_to_deduplicate"),
        (vec!["discard", "--reason", "fialed", "--yes"], "failed, not_yet"),
        (vec!["show", "aaaa"], "several messages"),
        (vec!["redrive", "--id", "a"], ids[0]),
        (vec!["redrive", "--id", "aaaa", "--no-canary"], "is the end of 2 ids, give more"),
        (vec!["discard", "--id", "AAAA", "--yes"], ids[1]),
    ] {
        world.ballet(&arguments).await.ends_with(2).says(&[said]);
    }
    let mut elsewhere = world.command(&["list"]);
    elsewhere.env("AMQP_URL", "amqp://ada:secret@127.0.0.1:1/clocks");
    let refused = ended(elsewhere).await.ends_with(4);
    assert!(refused.err.contains("cannot be reached") && !refused.err.contains("secret"));
    // A wrong address of the database sends nothing.
    let right = world.env.database_url("counter");
    let wrong_role = right.replacen("://", "://nobody-", 1);
    for (url, code) in [(right.replacen("postgres", "postgers", 1), 2), (wrong_role, 1)] {
        let mut wrong = world.command(&["redrive", "--all", "--no-canary"]);
        wrong.env("DATABASE_URL", url);
        ended(wrong).await.ends_with(code).says(&["the database of counter"]);
    }
    // A database that is away holds nothing up: the first dies again.
    let starting = starting_postgres().await.to_string();
    for (at, why) in [
        ("127.0.0.1:1", "Postgres at 127.0.0.1:1 cannot be reached"),
        (starting.as_str(), "error returned from database: the database system is starting up"),
    ] {
        let mut blind = world.command(&["redrive", "--all"]);
        blind.env("DATABASE_URL", format!("postgres://ada:secret@{at}/counter?sslmode=disable"));
        let sent = ended(blind).await.ends_with(1);
        let said = format!("the database of counter: {why}");
        assert!(sent.err.contains(&said) && !sent.err.contains("secret"), "{sent:?}");
        assert!(sent.err.contains("1 dead letter sent back: 0 handled, 1 dead again"), "{sent:?}");
        world.dead(2).await;
    }
    let mut nobody = world.command(&["list", "--service", "nobody"]);
    nobody.stdout(std::process::Stdio::piped());
    ended(nobody).await.ends_with(1).says(&["\"nobody\" is the name of a service"]);
    assert_eq!(world.list(&[]).await.len(), ids.len());
    world.close().await;
}

#[tokio::test]
async fn who_redrives_may_read_what_can_be_redriven_and_write_to_queues_and_no_more() {
    let world = CounterWorld::new("rights").await;
    let broker = RabbitMq::new(world.env.amqp_url("redrive")).expect("a URL");
    let session = broker.connect("test").await.expect("a connection");
    let refused = session.consume("counter", "curious", 1).await.map(|_| ());
    assert!(matches!(refused, Err(BrokerError::ChannelClosed { code: 403, .. })), "{refused:?}");
    let session = broker.connect("test").await.expect("a connection");
    let mut confirms = session.confirms().await.expect("confirms");
    let event = Publish {
        exchange: "events".to_owned(),
        routing_key: TICKED.to_owned(),
        mandatory: true,
        properties: BasicProperties::default(),
        body: "{}".into(),
    };
    session.publish(event).expect("sent");
    let refused = confirms.next().await.expect("an answer");
    assert!(matches!(refused, Err(BrokerError::ChannelClosed { code: 403, .. })), "{refused:?}");
    // A service's own user lacks the rights to redrive, and is told so.
    world.dead_ticks(1).await;
    let mut redrive = world.command(&["redrive", "--all", "--no-canary"]);
    redrive.env("AMQP_URL", world.env.amqp_url("counter"));
    ended(redrive).await.ends_with(1).says(&["ACCESS_REFUSED"]);
    world.dead(1).await;
    world.close().await;
}

/// The database only shows sooner which messages were handled.
#[tokio::test]
async fn what_is_sent_back_does_not_need_the_database_of_its_service() {
    let world = CounterWorld::new("no_inbox").await;
    world.dead_ticks(2).await;
    let mut command = world.command(&["redrive", "--all", "--no-canary", "--patience", "1"]);
    command.env("DATABASE_URL", "postgres://counter:counter@127.0.0.1:1/counter");
    let sent = ended(command).await.ends_with(0).says(&["127.0.0.1:1 cannot be reached"]);
    assert!(sent.err.contains("2 dead letters sent back: 0 handled"), "{sent:?}");
    world.all_counted_once(2).await;
    world.close().await;
}

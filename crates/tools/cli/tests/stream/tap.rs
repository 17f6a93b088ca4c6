//! `ballet tap`.

use std::time::Duration;

use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Link, Proxy, wait_until};
use ballet_testkit::command::{CommandOutput, end_of, ended, interrupt, lines};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::world::{SOON, STRUCK, StreamWorld, TICKED, event, numbers, tick, with_short_journal};

#[tokio::test]
async fn tap_shows_what_is_wanted_and_nothing_else() {
    let world = StreamWorld::new("wanted").await;
    let empty = world.tap(&["--from", "first", "--until", "now"]).await;
    assert!(empty.is_empty(), "{empty:?}");
    world.ticks(0..4).await;
    let saga = "0193f7a0-0000-7000-8000-00000000abcd";
    let of_saga = BasicProperties::default().with_correlation_id(saga.into());
    let struck = event(STRUCK, of_saga, &json!({ "number": 4, "at": { "hour": "noon" } }));
    let dead = Publish { exchange: "dead".to_owned(), routing_key: "bell".to_owned(), ..tick(5) };
    world.publish(vec![struck, dead]).await;

    for (arguments, wanted) in [
        (&[][..], &[0, 1, 2, 3, 4, 5][..]),
        (&[TICKED], &[0, 1, 2, 3, 5]),
        (&["clock.struck.*", "other.#"], &[4]),
        (&["*.ticked.v2"], &[]),
        (&["--saga", saga], &[4]),
        (&["--saga", "0000ABCD"], &[4]),
        (&["--service", "bell"], &[5]),
        (&["--limit", "2"], &[0, 1]),
        (&["--from", "2"], &[2, 3, 4, 5]),
        (&["--from", "last"], &[5]),
        (&["--from", "next"], &[]),
        (&["--since", "1h"], &[0, 1, 2, 3, 4, 5]),
    ] {
        let begin = arguments.iter().any(|argument| ["--from", "--since"].contains(argument));
        let begin = if begin { &[][..] } else { &["--from", "first"] };
        let all = [&["--until", "now"], begin, arguments].concat();
        assert_eq!(numbers(&world.tap(&all).await), wanted, "{arguments:?}");
    }

    let table = world.ballet(&["tap", "--from", "first", "--until", "now"]).await.ends_with(0).out;
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].starts_with("2024-12-24 "), "{table}");
    assert!(rows[1].contains("clock.ticked.v1") && rows[1].ends_with("{\"number\":0}"), "{table}");
    assert!(rows.iter().any(|row| row.contains("0000abcd clock")), "{table}");
    assert!(rows.iter().any(|row| row.contains(" bell ") && row.contains("DEAD")), "{table}");
    assert!(!table.contains('\u{1b}'), "colours are for terminals: {table}");
    for (limit, count) in [("2", 2), ("0", 0)] {
        let document = ["tap", "-o", "json", "--from", "first", "--limit", limit];
        let list: Vec<Value> = world.ballet(&document).await.ends_with(0).json();
        assert_eq!(list.len(), count);
    }
    // After the last event.
    let nothing =
        async { while !world.tap(&["--since", "1s", "--until", "now"]).await.is_empty() {} };
    timeout(SOON, nothing).await.expect("an end");
    assert_eq!(world.env.management().take("bell", 10).await.expect("messages").len(), 4);
    world.close().await;
}

#[tokio::test]
async fn tap_is_live_from_its_start_and_ends_with_ctrl_c() {
    let world = StreamWorld::new("live").await;
    world.ticks(0..3).await;
    let mut tap = world.command(&["tap", "-o", "jsonl"]).spawn().expect("started");
    let mut out = BufReader::new(tap.stdout.take().expect("output")).lines();
    // Nothing shows when the tap has begun, so this publishes until it prints.
    let mut next = 3;
    let first = loop {
        world.ticks(next..next + 1).await;
        next += 1;
        if let Ok(line) = timeout(Duration::from_millis(300), out.next_line()).await {
            break line.expect("read").expect("a line");
        }
    };
    let first = numbers(&lines(&first))[0];
    assert!(first >= 3, "{first} was there before");
    world.ticks(next..next + 1).await;
    for expected in first + 1..=next {
        let line = timeout(SOON, out.next_line()).await.expect("in time");
        let line = line.expect("read").expect("a line");
        assert_eq!(numbers(&lines(&line)), [expected]);
    }
    interrupt(&tap);
    let status = timeout(SOON, tap.wait()).await.expect("in time").expect("ended");
    assert_eq!(status.code(), Some(0));
    world.close().await;
}

#[tokio::test]
async fn tap_goes_on_after_a_lost_connection_without_gap_or_double() {
    let world = StreamWorld::new("lost").await;
    let proxy = Proxy::to(world.env.amqp_url("tap")).await.expect("a proxy");
    world.ticks(0..2_000).await;
    let arguments = ["tap", "-o", "jsonl", "--from", "first", "--limit", "4000"];
    let mut tap = world.command_at(proxy.url(), &arguments).spawn().expect("started");
    let mut out = BufReader::new(tap.stdout.take().expect("output")).lines();
    let mut read = Vec::new();
    for round in 1..=20 {
        while read.len() < 100 * round {
            let line = timeout(SOON, out.next_line()).await.expect("in time").expect("read");
            read.extend(numbers(&lines(&line.expect("a line"))));
        }
        if round % 7 == 3 {
            proxy.cut();
        }
    }
    proxy.set(Link::Refused);
    wait_until("a refused attempt", SOON, || async {
        if proxy.refused() > 0 { Ok::<_, String>(Some(())) } else { Ok(None) }
    })
    .await
    .expect("refused");
    world.ticks(2_000..4_000).await;
    proxy.set(Link::Open);
    while let Some(line) = timeout(SOON, out.next_line()).await.expect("in time").expect("read") {
        read.extend(numbers(&lines(&line)));
    }
    assert_eq!(read, (0..4_000).collect::<Vec<_>>());
    end_of(tap).await.ends_with(0).says(&["trying again", "connected again"]);
    world.close().await;
}

#[tokio::test]
async fn tap_says_what_retention_has_cut() {
    let world = StreamWorld::with("cut", &with_short_journal()).await;
    let big = |number| Publish { body: vec![b'0'; 10_000].into(), ..tick(number) };
    for round in 0..20 {
        world.publish((round * 10..round * 10 + 10).map(big).collect()).await;
    }
    let begin = |from: &'static str| {
        let world = &world;
        async move {
            let arguments = ["tap", "-o", "jsonl", "--limit", "1", from];
            let value = if from == "--from" { "0" } else { "1h" };
            let CommandOutput { out, err: said, .. } =
                world.ballet(&[&arguments[..], &[value]].concat()).await.ends_with(0);
            (lines(&out)[0]["offset"].as_u64().expect("an offset"), said)
        }
    };
    // The broker cuts a little later.
    let (oldest, said) = wait_until("the cut", SOON, || async {
        let (oldest, said) = begin("--from").await;
        if oldest > 0 { Ok::<_, String>(Some((oldest, said))) } else { Ok(None) }
    })
    .await
    .expect("cut");
    let expected = format!("its oldest event has offset {oldest}, from 2024-12-24T");
    assert!(said.contains(&expected), "{said}");
    let CommandOutput { out: first, err: said, .. } =
        world.ballet(&["tap", "--from", "first", "--limit", "1"]).await.ends_with(0);
    assert!(!first.is_empty() && said.is_empty(), "{said}");
    let (_, said) = begin("--since").await;
    // By their ids' times nothing is missing.
    assert!(said.is_empty(), "{said}");
    world.close().await;
}

#[tokio::test]
async fn what_cannot_be_tapped_is_refused_with_words_and_filters_that_matched_nothing_say_so() {
    let world = StreamWorld::new("refused_taps").await;
    world.ticks(0..5).await;
    let refused = world.command_at(world.env.amqp_url("bell"), &["tap"]);
    ended(refused).await.ends_with(1).says(&["needs the right to read the queue `journal`"]);
    let nowhere = world.command_at("amqp://tap:x@127.0.0.1:1/tower", &["tap"]);
    ended(nowhere).await.ends_with(4).says(&["cannot be reached"]);
    let stranger = world.env.amqp_url("tap").replacen("tap", "nobody", 1);
    ended(world.command_at(&stranger, &["tap"])).await.ends_with(4);
    for (wrong, why) in [
        (&["--from", "yesterday"][..], "--from"),
        (&["--from", "99"], "last event has offset 4"),
        (&["--from", "first", "--since", "1h"], "--from"),
        (&["--since", "soon"], "--since"),
        (&["--since", "2999-01-01T00:00:00Z"], "in the future"),
        (&["--saga", ""], "--saga"),
        (&["orders..v1"], "words with dots between them"),
        (&[""], "words with dots between them"),
    ] {
        world.ballet(&[&["tap", "--limit", "1"], wrong].concat()).await.ends_with(2).says(&[why]);
    }
    let none = ["tap", "--from", "first", "--until", "now", "clock.*"];
    let CommandOutput { out: shown, err: said, .. } = world.ballet(&none).await.ends_with(0);
    assert!(shown.is_empty() && said.contains("none of the 5 events is wanted"), "{said}");
    world.close().await;
}

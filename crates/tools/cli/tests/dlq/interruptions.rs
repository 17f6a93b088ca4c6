//! The command is killed at every point: nothing is lost or doubled.

use std::os::unix::process::ExitStatusExt;

use ballet::core::fault::{FaultPoint, PointSubject};
use ballet_stage::{Method, Proxy, wait_until};
use ballet_testkit::command::{end_of, ended, interrupt};
use serde_json::json;

use crate::world::{CounterWorld, SOON};

const SIGKILL: i32 = 9;

async fn killed_at(world: &CounterWorld, point: FaultPoint, arguments: &[&str]) {
    let faults = world.place.join("faults");
    std::fs::create_dir_all(&faults).expect("a directory");
    std::fs::write(faults.join("aim"), format!("{}@counter", point.name())).expect("an aim");
    let mut command = world.command(arguments);
    command.env("BALLET_FAULTS", &faults);
    let output = tokio::time::timeout(SOON, command.output()).await.expect("it ends in time");
    let status = output.expect("it runs").status;
    assert_eq!(status.signal(), Some(SIGKILL), "it was to die at {}", point.name());
}

fn points() -> Vec<FaultPoint> {
    let of_dead_letters = |point: &&FaultPoint| point.about() == [PointSubject::Letter];
    FaultPoint::ALL.iter().filter(of_dead_letters).copied().collect()
}

async fn more_are_counted(world: &CounterWorld, than: i64) {
    wait_until("some to be sent", SOON, || async {
        let counted: i64 = world.counted().await.iter().map(|(_, times)| times).sum();
        if counted > than { Ok(Some(())) } else { Err(counted) }
    })
    .await
    .expect("sent");
}

#[tokio::test]
async fn t80_what_is_killed_at_any_point_loses_and_doubles_nothing_and_can_be_done_again() {
    let world = CounterWorld::new("killed").await;
    world.dead_ticks(12).await;
    assert_eq!(points().len(), 4);
    for point in points() {
        killed_at(&world, point, &["redrive", "--all"]).await;
    }
    // All may be handled, except those whose messages are sent.
    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.all_counted_once(12).await;
    world.dead(0).await;

    let ids = world.dead_ticks(2).await;
    std::fs::write(world.place.join("body.json"), r#"{"number": 12}"#).expect("written");
    let edit = ["edit", &ids[0], "--body", "body.json"];
    let discard = ["discard", "--yes", "--id", &ids[1], "--to", "kept.jsonl"];
    for point in points() {
        if point != FaultPoint::AfterRemoval {
            killed_at(&world, point, &discard).await;
        }
        killed_at(&world, point, &edit).await;
    }
    world.ballet(&edit).await.ends_with(0);
    world.ballet(&discard).await.ends_with(0);
    let kept = std::fs::read_to_string(world.place.join("kept.jsonl")).expect("a file");
    assert!(kept.lines().all(|line| line.contains(&ids[1])) && !kept.is_empty(), "{kept}");
    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.all_counted_once(13).await;
    world.dead(0).await;
    world.close().await;
}

#[tokio::test]
async fn a_redrive_that_is_interrupted_says_what_was_sent_and_the_same_command_goes_on() {
    let world = CounterWorld::new("interrupted").await;
    world.dead_ticks(40).await;
    // So that most are left when the first are seen.
    let redrive = world.command(&["redrive", "--all", "--rate", "1"]).spawn().expect("started");
    more_are_counted(&world, 0).await;
    interrupt(&redrive);
    let said = end_of(redrive).await.ends_with(3).says(&["stopped before the end"]).err;
    let sent: i64 = said
        .lines()
        .find(|line| line.contains(" sent back"))
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .expect("a count");
    assert!((1..40).contains(&sent), "{said}");
    world.dead(u64::try_from(40 - sent).expect("a count")).await;

    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.all_counted_once(40).await;
    world.dead(0).await;

    // The broker takes the right away. It looks up rights once for each channel.
    world.dead_ticks(20).await;
    let proxy = Proxy::to(world.env.amqp_url("redrive")).await.expect("a proxy");
    let mut redrive = world.command(&["redrive", "--all", "--rate", "1"]);
    redrive.env("AMQP_URL", proxy.url());
    let refused = async {
        more_are_counted(&world, 40).await;
        let management = world.env.management();
        let user = world.env.amqp_url("redrive").trim_start_matches("amqp://");
        let (user, _) = user.split_once(':').expect("a user");
        let path = ["permissions", world.env.vhost(), user];
        let mut rights = management.call(Method::GET, &path, None).await.expect("rights");
        rights["write"] = json!("^$");
        management.call(Method::PUT, &path, Some(&rights)).await.expect("put");
        proxy.cut();
    };
    let ((), ended) = tokio::join!(refused, ended(redrive));
    let ended = ended.ends_with(3).says(&["the rest was not sent"]);
    let mut lines = ended.err.lines();
    let summary = lines.find(|line| line.contains(" sent back; ")).expect("a summary");
    let count = |what: &str| -> u64 {
        let before = summary.split(what).next().filter(|before| before.len() < summary.len());
        let number = before.and_then(|before| before.trim_end().rsplit(' ').next());
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    };
    let sent = count("dead letter");
    assert!(sent > 0 && sent + count("were not sent") == 20, "{ended:?}");
    world.close().await;
}

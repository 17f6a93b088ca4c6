//! Tests of the fleet, with scripts in place of programs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

/// Stops on SIGTERM. `orders` fails to start, with a message, once the file exists.
const PROGRAM: &str = r#"#!/bin/sh
if [ "$TRIAL_SERVICE" = orders ] && [ -e "$0.broken" ]; then echo no such table; exit 3; fi
trap 'exit 0' TERM
while :; do sleep 0.05; done
"#;

async fn stop_orders(fleet: &Fleet) {
    let mut dice = Dice::new(1, 1);
    while fleet.stop(&mut dice, false).await != Some("orders") {
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_process_that_does_not_start_after_its_stop_is_named() {
    let dir = std::env::temp_dir().join(format!("ballet-fleet-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    let program = dir.join("service");
    fs::write(&program, PROGRAM).expect("a program");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a program");
    let fleet = Fleet::new(Children::new().expect("a watchdog"), &dir, Vec::new());
    let patience = Duration::from_millis(500);
    let fleet = Fleet { program, patience, ..fleet.expect("a fleet") };
    for name in ["orders", "payments"] {
        fleet.add(name, "", "").await.expect("a process");
    }
    fs::write(dir.join("service.broken"), "").expect("a file");
    let stopped = async {
        stop_orders(&fleet).await;
        std::future::pending::<String>().await
    };
    let error = tokio::select! {
        kept = fleet.keep() => kept.expect_err("orders does not start").to_string(),
        never = stopped => never,
    };
    assert!(error.starts_with("orders does not start, and ends with exit status: 3"), "{error}");
    assert!(error.ends_with("no such table"), "{error}");

    // Its log cannot be written, so there is no process. The other service is restarted.
    let killed = {
        let mut replicas = fleet.replicas.lock().await;
        replicas[0].service.launch.log = dir.join("none").join("orders.log");
        replicas[0].service.signal(Signal::KILL);
        replicas[1].killed = true;
        replicas[1].service.signal(Signal::KILL);
        replicas[1].service.pid()
    };
    tokio::time::sleep(patience).await;
    let error = fleet.keep().await.expect_err("orders does not start").to_string();
    assert!(error.starts_with("orders does not start: cannot write "), "{error}");
    {
        let replicas = fleet.replicas.lock().await;
        assert!(replicas[0].down && !replicas[1].down);
        assert_ne!(replicas[1].service.pid(), killed);
    }
    fleet.end().await;
    fs::remove_dir_all(&dir).expect("its end");
}

/// Stops on SIGTERM. Unless named `payments`, it exits after half a second.
const CRASHES: &str = r#"#!/bin/sh
trap 'exit 0' TERM
if [ "$TRIAL_SERVICE" = payments ]; then while :; do sleep 0.05; done; fi
sleep 0.5
echo out of luck
if [ "$TRIAL_SERVICE" = memory ]; then kill -9 $$; fi
exit 3
"#;

#[tokio::test]
async fn a_process_that_worked_and_ends_by_itself_has_crashed() {
    let dir = std::env::temp_dir().join(format!("ballet-crash-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    let program = dir.join("service");
    fs::write(&program, CRASHES).expect("a program");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a program");
    let fleet = Fleet::new(Children::new().expect("a watchdog"), &dir, Vec::new());
    let mut fleet = Fleet { program, ..fleet.expect("a fleet") };
    for name in ["orders", "payments", "memory"] {
        fleet.add(name, "", "").await.expect("a process");
    }
    let mut exits = 0;
    // The process counts as young and then, by a shorter limit, as old.
    for soon in [SOON, Duration::from_millis(100)] {
        fleet.soon = soon;
        let more = async {
            while fleet.ends().await.unexpected_exits.len() < exits + 4 {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            kept = fleet.keep() => match kept.expect("all start") {},
            more = tokio::time::timeout(Duration::from_secs(60), more) => more.expect("exits"),
        }
        let ends = fleet.ends().await;
        exits = ends.unexpected_exits.len();
        let crashed = ends.crashes.iter().all(|line| {
            line.starts_with("orders ended with exit status: 3") && line.ends_with("out of luck")
        });
        assert!(crashed && ends.crashes.is_empty() == (soon == SOON), "{ends:?}");
        assert_eq!(ends.are_good(), soon == SOON);
    }
    fleet.end().await;
    fs::remove_dir_all(&dir).expect("its end");
}

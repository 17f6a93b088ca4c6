//! A process is killed at every fault point of the framework, for every step, compensation, call and event
//! of every service of the shop, by the same command as by hand. A run of all tests takes a share of the
//! kills, another one for another commit.

use std::process::Stdio;

use tokio::process::Command;

/// A number that chooses the share. Without it all are taken.
const TURN: &str = "BALLET_TURN";

#[tokio::test]
async fn f12_t144_a_process_is_killed_at_any_point_of_any_step() {
    let turn = std::env::var(TURN).ok();
    let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("kills")
        .args(turn.iter().flat_map(|turn| ["--sample", turn]))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .expect("a run");
    assert!(status.success(), "its words are above");
}

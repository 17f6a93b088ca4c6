//! Kills a process at every fault point, for every step, compensation, call and event of the shop's services, by the
//! user's command. A run of all tests takes a share, chosen by the commit.

use std::process::Stdio;

use tokio::process::Command;

/// Chooses the share. Without it all are taken.
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

//! Each service is stopped under load, by the same command as by hand.

use std::process::Stdio;

use tokio::process::Command;

#[tokio::test]
async fn without_each_service_the_rest_works_and_afterwards_everything_catches_up() {
    let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("degradation")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .expect("a run");
    assert!(status.success(), "its words are above");
}

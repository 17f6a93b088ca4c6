//! Each service is stopped under load, by the same command as by hand. A run of all tests takes one system, another
//! one for another commit.

use std::process::Stdio;

use tokio::process::Command;

const SYSTEMS: [&str; 3] = ["shop", "streaming", "rides"];
/// A number that chooses the system. Without it all are taken.
const TURN: &str = "BALLET_TURN";

#[tokio::test]
async fn without_each_service_the_rest_works_and_afterwards_everything_catches_up() {
    let turn = std::env::var(TURN).ok();
    let turn: Option<usize> = turn.map(|turn| turn.parse().expect("a number"));
    let is_chosen = |number| turn.is_none_or(|turn| turn % SYSTEMS.len() == number);
    for (_, system) in SYSTEMS.iter().enumerate().filter(|(number, _)| is_chosen(*number)) {
        let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["--system", system, "degradation"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .expect("a run");
        assert!(status.success(), "{system}: its words are above");
    }
}

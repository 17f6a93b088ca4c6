//! Stops each service under load, by the user's command. A run of all tests takes the shop, the long form all systems.

use std::process::Stdio;

use tokio::process::Command;

const SYSTEMS: [&str; 3] = ["shop", "streaming", "rides"];
/// Set in a run that takes a share.
const TURN: &str = "BALLET_TURN";

#[tokio::test]
async fn without_each_service_the_rest_works_and_afterwards_everything_catches_up() {
    let systems = if std::env::var_os(TURN).is_some() { &SYSTEMS[..1] } else { &SYSTEMS[..] };
    for system in systems {
        let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["--system", system, "degradation"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .expect("a run");
        assert!(status.success(), "{system}: its words are above");
    }
}

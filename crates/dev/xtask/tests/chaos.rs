//! Short chaos: the same command as the long form, on private servers, with a new seed. A failure prints the seed and
//! keeps the logs. A run of all tests causes a third of the kinds, chosen by the commit; in each, replicas come, go and
//! are restarted.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// Chooses the kinds. Without it all are caused.
const TURN: &str = "BALLET_TURN";
const SHARES: [&str; 3] = [
    "kill,stop,scale,pause,broker,copies",
    "kill,stop,scale,clock,postgres,dump,alarm",
    "kill,stop,scale,freeze,provider,network",
];
/// A run's checks end by themselves.
const LONGEST: Duration = Duration::from_secs(25 * 60);

async fn chaos(arguments: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["chaos", "--json", "--minutes", "1", "--rate", "8"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It shows where a hanging run was. `output()` would capture it.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("a run");
    let output = tokio::time::timeout(LONGEST, run.wait_with_output()).await;
    let output = output.expect("a run that ends").expect("a run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    assert!(output.status.success(), "it did not hold: {text}");
    for what in ["lost", "doubled", "broken", "unfinished", "bad_stops", "crashes", "not_caused"] {
        assert_eq!(report[what], Value::Array(Vec::new()), "{what}");
    }
    assert_eq!(report["effects"], report["effects_expected"]);
    assert!(report["effects"].as_u64() > Some(100) && report["stops"].as_u64() > Some(0), "{text}");
}

#[tokio::test]
async fn t133_t134_t145_under_faults_of_all_kinds_every_effect_happens_once() {
    if let Some(turn) = std::env::var(TURN).ok().and_then(|turn| turn.parse::<usize>().ok()) {
        // Every third commit takes chaos, with the next share each time.
        return chaos(&["--only", SHARES[turn / SHARES.len() % SHARES.len()]]).await;
    }
    for kinds in SHARES {
        chaos(&["--only", kinds]).await;
    }
    chaos(&["--cluster", "--only", "kill,stop,node"]).await;
}

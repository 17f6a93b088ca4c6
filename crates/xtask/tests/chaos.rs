//! Chaos in short: the same command as the long form, on private servers, with a seed of its own
//! each time. If one fails it prints the seed, and keeps the logs.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

/// One run at a time: each has a broker, a database server and a dozen processes.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn chaos(arguments: &[&str]) -> Value {
    let _alone = ALONE.lock().await;
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["chaos", "--json"])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .expect("a run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    assert!(output.status.success(), "it did not hold: {text}");
    for what in ["lost", "doubled", "broken", "unfinished", "bad_stops"] {
        assert_eq!(report[what], Value::Array(Vec::new()), "{what}");
    }
    assert_eq!(report["effects"], report["effects_expected"]);
    assert!(report["effects"].as_u64() > Some(500), "too little happened: {text}");
    report
}

fn times(report: &Value, fault: &str) -> u64 {
    report["faults"][fault].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn t145_under_faults_of_all_kinds_every_effect_happens_once() {
    let report = chaos(&["--minutes", "1", "--storm", "50", "--rate", "8"]).await;
    assert!(times(&report, "kill") > 20, "{report}");
    let kinds = report["faults"].as_object().expect("faults").len();
    assert!(kinds > 4, "{report}");
}

#[tokio::test]
async fn t133_t134_replicas_that_come_go_and_are_restarted_lose_and_double_nothing() {
    let only = ["--only", "kill,stop,scale", "--replicas", "3", "--minutes", "0.5"];
    let report = chaos(&only).await;
    assert!(times(&report, "kill") > 10, "{report}");
    assert!(report["stops"].as_u64() > Some(3), "{report}");
}

//! The soak in short: the same command as the long form. Two minutes are too short to judge growth; other tests do
//! that.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
#[ignore = "takes minutes, and on a busy machine too few days pass for the carrier to answer"]
async fn in_a_short_soak_days_pass_partitions_go_and_nothing_is_lost() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak");
    // Enough days for the inbox to forget, too few for the ledger.
    let options = ["--minutes", "2", "--days", "36", "--rate", "4", "--replicas", "1", "--json"];
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("soak")
        .args(options)
        .arg("--out")
        .arg(&out)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .expect("a run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    assert!(output.status.success(), "it did not hold: {text}");
    let none = Value::Array(Vec::new());
    for what in ["lost", "doubled", "broken", "unfinished", "unexpected_exits", "grew"] {
        assert_eq!(report[what], none, "{what}");
    }
    assert_eq!(report["effects"], report["effects_expected"]);
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&report["effects"]) > 100.0 && number(&report["days"]) > 36.0, "{text}");
    // The carrier answers after 40 days, the deadline of an order passes after 30.
    assert!(number(&report["took_days"]) > 0.0, "{text}");
    for service in ["orders", "inventory", "payments", "shipping"] {
        assert!(number(&report["partitions_dropped"][service]) > 0.0, "{service}: {text}");
    }
    let samples = std::fs::read_to_string(out.join("samples.csv")).expect("samples");
    let header = samples.lines().next().unwrap_or_default();
    for column in ["memory orders-", "inbox payments", "ledger shipping", "journal broker"] {
        assert!(header.contains(column), "{header}");
    }
    let plots = std::fs::read_dir(&out).expect("plots").flatten();
    let is_plot = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|e| e == "svg");
    assert_eq!(plots.filter(is_plot).count(), 9);
}

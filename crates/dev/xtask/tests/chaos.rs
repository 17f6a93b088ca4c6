//! Short chaos: the same command as the long form, on private servers, with a new seed. A failure prints the seed and
//! keeps the logs. A run of all tests causes a fifth of the kinds, chosen by the commit; in each, replicas come, go and
//! are restarted.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

/// Chooses the kinds. Without it all are caused.
const TURN: &str = "BALLET_TURN";
/// The number of shares into which `chaos --sample` divides the kinds.
const SHARES: usize = 5;
/// Each run has a broker, a database server and a dozen processes.
static ALONE: Mutex<()> = Mutex::const_new(());
/// A run's checks end by themselves.
const LONGEST: Duration = Duration::from_secs(25 * 60);
/// Usually one is enough.
const MOST_RUNS: usize = 10;

async fn chaos(arguments: &[&str]) -> Value {
    let _alone = ALONE.lock().await;
    let run = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["chaos", "--json"])
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
    eprintln!("{} was caused; left out: {}", report["faults"], report["left_out"]);
    report
}

#[derive(Debug, Default)]
struct RunTotals {
    effects: u64,
    stops: u64,
    faults: BTreeMap<String, u64>,
}

impl RunTotals {
    fn add(&mut self, report: &Value) {
        let number = |value: &Value| value.as_u64().expect("a number");
        self.effects += number(&report["effects"]);
        self.stops += number(&report["stops"]);
        for (kind, times) in report["faults"].as_object().expect("faults") {
            *self.faults.entry(kind.clone()).or_default() += number(times);
        }
    }

    fn kills(&self) -> u64 {
        self.faults.get("kill").copied().unwrap_or_default()
    }
}

/// A run ends by the clock, and less happens on a busy machine.
async fn chaos_until(arguments: &[&str], enough: impl Fn(&RunTotals) -> bool) {
    let mut total = RunTotals::default();
    for _ in 0..MOST_RUNS {
        total.add(&chaos(arguments).await);
        if enough(&total) {
            return;
        }
    }
    panic!("too little happened: {total:?}");
}

#[tokio::test]
async fn t133_t134_t145_under_faults_of_all_kinds_every_effect_happens_once() {
    let short = ["--minutes", "1", "--storm", "50", "--rate", "8"];
    let samples = match std::env::var(TURN) {
        Ok(turn) => vec![turn],
        Err(_) => (0..SHARES).map(|share| share.to_string()).collect(),
    };
    // A run causes each of its kinds, or fails.
    for sample in &samples {
        let options = [&short[..], &["--sample", sample]].concat();
        let enough = |total: &RunTotals| total.effects > 500 && total.kills() > 20;
        chaos_until(&options, |total| enough(total) && total.stops > 0).await;
    }
    if samples.len() == SHARES {
        let of_cluster = ["--cluster", "--only", "kill,leader,follower,split"];
        chaos(&[&short[..], &of_cluster].concat()).await;
    }
}

#[tokio::test]
#[ignore = "takes minutes, and on a busy machine too few days pass"]
async fn days_pass_partitions_go_and_nothing_is_lost() {
    // Enough days for the inbox to forget, too few for the ledger.
    let report = chaos(&["--days", "--minutes", "2", "--rate", "4", "--replicas", "1"]).await;
    let number = |value: &Value| value.as_u64().expect("a number");
    // An order's deadline passes after 30 days, and the carrier answers after 40.
    assert!(number(&report["effects"]) > 100 && number(&report["days"]) > 40, "{report}");
    for service in ["orders", "inventory", "payments", "shipping"] {
        assert!(number(&report["partitions_dropped"][service]) > 0, "{service}: {report}");
    }
}

//! `ballet contract diff`, as a pipeline runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A copy of the shop's contracts, to be changed.
struct Copied(PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl Copied {
    fn new(name: &str) -> Self {
        let at = std::env::temp_dir().join(format!("ballet-{name}-{}", std::process::id()));
        fs::create_dir_all(&at).expect("a folder");
        for contract in shop::contracts() {
            fs::write(at.join(format!("{}.json", contract.service())), contract.text())
                .expect("a file");
        }
        Self(at)
    }

    fn edit(&self, service: &str, from: &str, to: &str) {
        let file = self.0.join(format!("{service}.json"));
        let text = fs::read_to_string(&file).expect("a contract");
        assert!(text.contains(from), "{from} is not in {service}");
        fs::write(file, text.replace(from, to)).expect("written");
    }
}

/// The exit code, and what is printed on both outputs.
fn diff(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command.args(["contract", "diff"]).args(arguments).env_remove("BALLET_CONTRACTS");
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_pipeline_stops_at_a_change_that_breaks_somebody_and_says_whom() {
    let (before, after) = (Copied::new("before"), Copied::new("after"));
    let (code, out, _) = diff(&[&before.0, &after.0]);
    assert_eq!((code, out.as_str()), (Some(0), "nothing changed\n"));

    after.edit("inventory", "Everything that an order needs is held for it.", "It is held.");
    assert_eq!(diff(&[&before.0, &after.0]).0, Some(0));

    after.edit("payments", "\"capture_payment\"", "\"take_payment\"");
    let (code, out, err) = diff(&[&before.0, &after.0]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("payments.capture_payment"), "{out}");
    assert!(out.contains("open sagas of order_fulfillment"), "{out}");
    assert!(err.contains("1 change breaks somebody"), "{err}");

    let (code, out, _) = diff(&[&before.0, &after.0, Path::new("-ojson")]);
    let rows: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    let breaking: Vec<&Value> = rows.iter().filter(|row| row["breaking"] == true).collect();
    assert_eq!((code, breaking.len()), (Some(3), 1), "{out}");
    assert_eq!(breaking[0]["rule"], "step_removed");
    assert_eq!(breaking[0]["service"], "payments");
}

#[test]
fn two_versions_of_one_contract_are_compared_whatever_their_files_are_called() {
    let (before, after) = (Copied::new("one-before"), Copied::new("one-after"));
    let (old, new) = (before.0.join("as-it-was"), after.0.join("payments.json"));
    fs::rename(before.0.join("payments.json"), &old).expect("renamed");
    let (code, out, _) = diff(&[&old, &new]);
    assert_eq!((code, out.as_str()), (Some(0), "nothing changed\n"));
    // Whoever reads the reason of a declined payment.
    after.edit(
        "payments",
        "\"required\": [\n          \"order_id\",\n          \"reason\"\n        ],\n        \"title\": \"PaymentDeclined\"",
        "\"required\": [\n          \"order_id\"\n        ],\n        \"title\": \"PaymentDeclined\"",
    );
    let (code, out, _) = diff(&[&old, &new]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("`reason` may be missing"), "{out}");
}

#[test]
fn what_cannot_be_compared_is_a_wrong_usage() {
    let before = Copied::new("usage");
    let payments = before.0.join("payments.json");
    for (one, other, said) in [
        (&*before.0, &*payments, "two folders, or two files"),
        (&payments, &before.0.join("orders.json"), "two versions of one contract"),
        (&before.0.join("none.json"), &payments, "cannot read"),
    ] {
        let (code, _, err) = diff(&[one, other]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(said), "{err}");
    }
}

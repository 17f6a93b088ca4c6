//! `ballet contract`: written from programs, and compared as in a pipeline. `ballet participant`: scenarios left out
//! for a program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ballet_testkit::command::CommandOutput;
use serde_json::{Value, json};

struct ContractsCopy(PathBuf);

impl Drop for ContractsCopy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl ContractsCopy {
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

fn diff(arguments: &[&Path]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    said_by(command.args(["contract", "diff"]).args(arguments))
}

fn write(folder: &Path, script: &str) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command.arg("--contracts").arg(folder).args(["contract", "write", "--", "sh", "-c", script]);
    said_by(&mut command)
}

/// The program ends at once.
fn try_participant(case: &Path, only: &str) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command.args(["participant", "try", "--patience", "1", "--only", only, "--case"]).arg(case);
    said_by(command.args(["--", "false"]))
}

fn said_by(command: &mut Command) -> CommandOutput {
    command.env_remove("BALLET_CONTRACTS").output().expect("it runs").into()
}

#[test]
fn a_pipeline_stops_at_a_change_that_breaks_somebody_and_says_whom() {
    let (before, after) = (ContractsCopy::new("before"), ContractsCopy::new("after"));
    assert_eq!(diff(&[&before.0, &after.0]).succeeds(), "nothing breaks\n");

    after.edit("inventory", "Everything that an order needs is held for it.", "It is held.");
    diff(&[&before.0, &after.0]).ends_with(0);

    after.edit("payments", "\"capture_payment\"", "\"take_payment\"");
    let CommandOutput { out, err, .. } = diff(&[&before.0, &after.0]).ends_with(3);
    assert!(out.contains("payments.capture_payment"), "{out}");
    assert!(out.contains("open sagas of order_fulfillment"), "{out}");
    assert!(err.contains("1 breaking change"), "{err}");

    let rows: Vec<Value> = diff(&[&before.0, &after.0, Path::new("-ojson")]).ends_with(3).json();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["rule"], "step_removed");
    assert_eq!(rows[0]["service"], "payments");
}

#[test]
fn a_reference_that_leads_nowhere_is_not_taken_for_anything() {
    let (before, after) = (ContractsCopy::new("refers"), ContractsCopy::new("refers-nowhere"));
    after.edit("payments", "\"#/$defs/Address\"", "\"https://example.com/address.json\"");
    let said = "refers to \"https://example.com/address.json\", which is not in it: write that under its \"$defs\"";
    diff(&[&before.0, &after.0]).ends_with(2).says(&[said]);
    assert_ne!(diff(&[&after.0, &before.0]).code, Some(2));
    for (arguments, expected) in [(&["check"][..], 1), (&["publish", "-", "--dry-run"], 2)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command.arg("--contracts").arg(&after.0).args(arguments);
        said_by(&mut command).ends_with(expected).tells(&[said]);
    }
}

#[test]
fn a_contract_is_written_whole_or_not_at_all() {
    let shop = ContractsCopy::new("write");
    let file = shop.0.join("payments.json");
    let whole = fs::read_to_string(&file).expect("a contract");
    let print = format!("cat {}", shop.0.join("printed").display());
    fs::write(shop.0.join("printed"), &whole).expect("written");
    let files = || fs::read_dir(&shop.0).expect("a folder").count();
    let before = files() + 1;

    let out = write(&shop.0, &print).ends_with(0).out;
    assert!(out.ends_with("payments.json is up to date\n"), "{out}");
    // The first contract makes the folder.
    let project = shop.0.join("harbour");
    fs::create_dir(&project).expect("a directory");
    fs::write(project.join("Cargo.toml"), "[workspace]\n").expect("written");
    let mut first = Command::new(env!("CARGO_BIN_EXE_ballet"));
    first.current_dir(&project).args(["contract", "write", "--", "sh", "-c", &print]);
    said_by(&mut first).ends_with(0);
    assert!(project.join("contracts/harbour/payments.json").exists());
    // As `> payments.json` leaves it when the build fails.
    fs::write(&file, "").expect("written");
    let out = write(&shop.0, &print).ends_with(0).out;
    assert!(out.starts_with("wrote ") && out.ends_with("payments.json\n"), "{out}");
    assert_eq!(fs::read_to_string(&file).expect("a contract"), whole);

    let half = format!("head -c 100 {}", shop.0.join("printed").display());
    let badly_named = format!("{print} | sed s/payment_captured.v1/payment-captured.v1/");
    for (script, code, said) in [
        ("exit 101", 1, "no contract was written"),
        (&half, 1, "is not a contract, so none was written"),
        (&badly_named, 1, "payments.payment-captured.v1\" does not name an event"),
    ] {
        write(&shop.0, script).ends_with(code).says(&[said]);
        assert_eq!(fs::read_to_string(&file).expect("a contract"), whole);
    }
    assert_eq!(files(), before, "nothing is left beside the contracts");
}

#[test]
fn a_broken_rule_is_named_by_its_id_and_explained() {
    let shop = ContractsCopy::new("ids");
    let ballet = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        said_by(command.arg("--contracts").arg(&shop.0).args(arguments))
    };
    // What a service excepts is no note.
    let except = |rule| {
        format!(
            r#""exceptions": [{{ "rule": "{rule}", "of": "order_fulfillment", "reason": "it is soon" }}], "events": ["#
        )
    };
    shop.edit("orders", "PT15M", "PT15S");
    shop.edit("orders", "\"events\": [", &except("B066"));
    ballet(&["check"]).ends_with(0).prints(&[" is sound: "]);
    shop.edit("orders", "\"B066\"", "\"B067\"");
    let noted = ballet(&["check"]).ends_with(0);
    assert!(noted.out.contains("note B066 a deadline leaves time"), "{}", noted.out);
    assert!(noted.out.contains("note B071 an exception excepts something"), "{}", noted.out);

    let captured = "\"payments.payment_capture_failed.v1\"\n";
    let both = format!("\"shipping.shipment_rejected.v1\",\n        {captured}");
    shop.edit("orders", &both, captured);
    let refused = "shipping.shipment_rejected.v1";
    let rows: Value = ballet(&["check", "-o", "json"]).ends_with(1).json();
    let place = [&rows[0]["id"], &rows[0]["level"], &rows[0]["service"], &rows[0]["of"]];
    assert_eq!(place, ["B055", "error", "orders", refused]);

    let log: Value = ballet(&["check", "--sarif"]).ends_with(1).json();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(result["ruleId"], "B055");

    ballet(&["explain", "b055"]).ends_with(0).prints(&["B055 error: every refusal has somebody"]);
    let all: Value = ballet(&["explain", "-o", "json"]).ends_with(0).json();
    assert_eq!(all[0]["id"], "B001");
    ballet(&["explain", "B999"]).ends_with(2).says(&["there is no rule B999"]);
}

#[test]
fn a_run_that_hangs_is_drawn_although_no_single_rule_is_broken() {
    let shop = ContractsCopy::new("hangs");
    let (file, picture) = (shop.0.join("orders.json"), shop.0.join("run.svg"));
    let text = fs::read_to_string(&file).expect("a contract");
    let mut orders: Value = serde_json::from_str(&text).expect("JSON");
    let steps = orders["sagas"][0]["steps"].as_array_mut().expect("steps");
    let join = steps.iter_mut().find(|step| step["name"] == "complete_order").expect("a join");
    // What comes in cancelled orders only.
    join["on"][1] = "shipping.shipment_cancelled.v1".into();
    let events = orders["events"].as_array_mut().expect("events");
    let delivered = |event: &&mut Value| event["name"] == "shipping.shipment_delivered.v1";
    let event = events.iter_mut().find(delivered).expect("an event");
    *event = json!({ "name": "shipping.shipment_cancelled.v1", "role": "in_saga", "schema": true });
    fs::write(&file, orders.to_string()).expect("written");

    let check = |arguments: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        said_by(command.arg("--contracts").arg(&shop.0).arg("check").args(arguments)).ends_with(1)
    };
    let out = check(&[OsStr::new("--svg"), picture.as_os_str()]).out;
    let hangs = "orders.complete_order has inventory.stock_committed.v1 and waits for \
                 shipping.shipment_cancelled.v1";
    assert!(
        out.contains("B074 every run of a saga comes to an end") && out.contains(hangs),
        "{out}"
    );
    assert!(
        out.contains("     10  ·       ·          ●         ·         payments.payment_captured"),
        "{out}"
    );
    let picture = fs::read_to_string(picture).expect("a picture");
    assert!(picture.contains(">payments.payment_captured<"), "{picture}");
    let rows: Value = check(&["-o", "json"].map(OsStr::new)).json();
    assert_eq!(rows[0]["moves"][0], "orders.place_order begins it");
}

#[test]
fn the_contracts_beside_one_that_cannot_be_read_are_judged() {
    let shop = ContractsCopy::new("unreadable");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        said_by(command.arg("--contracts").arg(&shop.0).arg("check"))
    };
    check().ends_with(0);

    // Nobody waits for the events of a new service without a readable contract.
    fs::write(shop.0.join("loyalty.json"), "").expect("written");
    let CommandOutput { out, err, .. } = check().ends_with(3);
    assert!(out.contains("loyalty.json is not a contract: it is empty; "), "{out}");
    assert!(out.contains("`ballet contract write loyalty` writes it"), "{out}");
    assert!(err.contains("the other contracts break no rule"), "{err}");

    fs::write(shop.0.join("shipping.json"), "{").expect("written");
    shop.edit("payments", "payments.payment_captured.v1", "payments.payment-captured.v1");
    let CommandOutput { out, err, .. } = check().ends_with(1);
    assert!(out.contains("shipping.json is not a contract: "), "{out}");
    assert!(out.contains("payments.payment-captured.v1\" does not name an event"), "{out}");
    assert!(out.contains("orders waits for shipping."), "{out}");
    assert!(err.contains("perhaps because of what could not be read"), "{err}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    let err = said_by(command.arg("--contracts").arg(&shop.0).arg("catalog")).ends_with(2).err;
    assert!(err.contains("loyalty.json is not a contract: it is empty"), "{err}");

    // Cut off in its middle, and with an unknown word.
    let orders = shop.0.join("orders.json");
    let whole = fs::read_to_string(&orders).expect("a contract");
    let (half, _) = whole.split_at(whole.find("\"after\"").expect("a deadline"));
    fs::write(&orders, half).expect("written");
    shop.edit("inventory", "\"kind\": \"compensatable\"", "\"kind\": \"compensable\"");
    let out = check().out;
    let line = half.lines().count();
    for said in [
        format!("it is not JSON: EOF while parsing a value at line {line} column "),
        "sagas[0].steps[0].kind: it is not known, only `origin`, ".to_owned(),
    ] {
        assert!(out.contains(&format!(".json is not a contract: {said}")), "{said}: {out}");
    }
}

#[test]
fn a_participant_is_told_which_scenario_is_not_tried_and_what_it_lacks() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/python-loyalty");
    let place = ContractsCopy::new("participant");
    fs::copy(example.join("loyalty.json"), place.0.join("loyalty.json")).expect("copied");
    let text = fs::read_to_string(example.join("participant.json")).expect("a file");
    let mut case: Value = serde_json::from_str(&text).expect("JSON");
    case.as_object_mut().expect("an object").remove("trouble").expect("it has trouble");
    let file = place.0.join("participant.json");
    fs::write(&file, case.to_string()).expect("written");
    let lacks = [
        ("FailsForAWhile", "the file has no `trouble`"),
        ("Refused", "the file has no `refused_by`"),
        ("Join", "the step waits for one event only"),
    ];
    // A requested scenario is not left out silently, and needs no server to say so.
    for (scenario, why) in lacks {
        try_participant(&file, scenario).ends_with(2).says(&[scenario, "cannot be tried", why]);
    }
    let said = try_participant(&file, "Twice").ends_with(1).both();
    for (scenario, why) in lacks {
        assert!(said.contains(&format!("{scenario} is not tried: {why}\n")), "{said}");
    }
    assert_eq!(said.matches("is not tried").count(), lacks.len(), "{said}");
}

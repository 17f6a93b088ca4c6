//! `ballet publish --dry-run` and `ballet id`: a producer's checks before publishing, without a server.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ballet_testkit::command::CommandOutput;
use serde_json::{Value, json};

const CHECKED_OUT: &str = "cart.checked_out.v1";
const BARE: [&str; 7] =
    ["publish", "-", "--dry-run", "--type", CHECKED_OUT, "--app-id", "storefront"];

fn ballet(arguments: &[&str], input: &str) -> CommandOutput {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ballet"))
        .args(arguments)
        .env("BALLET_CONTRACTS", contracts)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // A command that refuses its arguments may read nothing.
    let written = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let is_unread = |error: &std::io::Error| error.kind() == ErrorKind::BrokenPipe;
    assert!(written.as_ref().err().is_none_or(is_unread), "{written:?}");
    child.wait_with_output().expect("it ends").into()
}

fn checkout() -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": "mug", "quantity": 1,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": "card_approved",
        "ship_to": { "name": "Pia Kamp", "street": "Am Hafen 3", "postal_code": "20457",
            "city": "Hamburg", "country": "DE" },
    })
}

fn message(body: &Value) -> Value {
    json!({ "type": CHECKED_OUT, "app_id": "storefront", "content_type": "application/json",
        "body": body })
}

#[test]
fn a_bare_body_is_judged_under_the_reasons_of_dead_letters() {
    let out = ballet(&BARE, &format!("{:#}", checkout())).succeeds();
    assert!(out.starts_with("would publish cart.checked_out.v1, id "), "{out}");
    let mut wrong = checkout();
    wrong["lines"][0]["quantity"] = json!("two");
    wrong["ship_to"]["country"] = json!("Germany");
    wrong.as_object_mut().expect("an object").remove("card_token");
    let wrong = ballet(&BARE, &format!("{wrong:#}")).ends_with(1).says(&[
        "wrong_shape: the body does not have the shape of cart.checked_out.v1: lines[0].quantity: a \
         whole number from 1 to 10000 is wanted, but there is a string",
        "card_token: it is missing",
        "ship_to.country: a string that matches",
    ]);
    assert_eq!(wrong.err.lines().count(), 4, "{wrong:?}");
    let said = "not_json: the body is not JSON: EOF while parsing a value at line 1 ";
    ballet(&BARE, "{ \"lines\": ").ends_with(1).says(&[said]);
}

/// A message's problems are printed with its own words, which may be anybody's.
#[test]
fn what_is_wrong_with_a_message_does_not_steer_the_terminal() {
    let mut hostile = checkout();
    hostile["ship_to"]["country"] = json!("\u{9b}2J\u{202e}");
    hostile["lines"][0]["unit_price"]["currency"] = json!("\u{1b}]0;title\u{7}");
    let CommandOutput { out, err, .. } = ballet(&BARE, &hostile.to_string()).ends_with(1);
    assert!(err.contains("ship_to.country: a string that matches"), "{err:?}");
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!out.contains(steers) && !err.contains(steers), "{out:?} {err:?}");
    let out = ballet(&[&BARE[..], &["-o", "json"]].concat(), &hostile.to_string()).out;
    assert!(!out.contains('\u{202e}'), "{out:?}");
}

#[test]
fn messages_are_judged_by_their_properties_too_each_with_its_place() {
    let mut forged = message(&checkout());
    forged["app_id"] = json!("orders");
    let forged = json!({ "properties": forged, "body": checkout() });
    let mut unknown = message(&checkout());
    unknown["type"] = json!("cart.checked_out.v9");
    let of_saga = json!({ "type": "orders.order_placed.v1", "body": {} });
    let all = [message(&checkout()), forged, unknown, of_saga, json!({ "lines": [] })];
    let lines = all.iter().map(|one| format!("{one}\n")).collect::<String>() + "{\n";
    let judge = ["publish", "-", "--dry-run", "-o", "json"];
    let rows: Value = ballet(&judge, &lines).ends_with(1).json();
    let why = |index: usize| rows[index]["why"].as_str().unwrap_or("none");
    let reason = |index: usize| why(index).split(':').next().unwrap_or_default();
    let reasons: Vec<&str> = (0..=all.len()).map(reason).collect();
    assert_eq!(
        reasons,
        [
            "none",
            "forged_app_id",
            "unknown_version",
            "no_correlation_id",
            "not_a_message",
            "not_a_message"
        ]
    );
    assert_eq!(rows[5]["place"], "line 6");
    assert!(why(4).contains("--type"), "{rows}");

    // For people: what is wrong, and how many are.
    let wrong = ballet(&judge[..3], &json!(all[..2]).to_string()).ends_with(1);
    wrong.says(&["message 2: forged_app_id: ", "1 of 2 messages are wrong"]);
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_and_a_reader_that_is_gone_is_none() {
    let ended = |stdout: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        let mut child =
            command.arg("id").stdout(stdout).stderr(Stdio::piped()).spawn().expect("it runs");
        drop(child.stdout.take());
        child.wait_with_output().expect("it ends")
    };
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let failed = ended(full.into());
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("the result was not written: standard output: No space left"), "{said}");
    let unread = ended(Stdio::piped());
    assert_eq!((unread.status.code(), &unread.stderr[..]), (Some(0), &b""[..]));
}

#[test]
fn what_cannot_be_judged_is_a_wrong_usage() {
    for (arguments, said) in [
        (&["publish", "/there/is/none"][..], "cannot read /there/is/none"),
        (&["publish", "-"], "there is no message in -"),
        (&["publish", "-", "--type", "cart.dreamt.v1"], "no service knows an event"),
    ] {
        ballet(arguments, " ").ends_with(2).says(&[said]);
    }
}

/// The Python of docs/producers.md derives the same ids as `ballet id` and services.
#[test]
fn ids_are_derived_as_the_page_about_producers_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/producers.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let code = page.split("```python\n").find(|block| block.contains("uuid5")).expect("an example");
    let code = code.split("```").next().expect("its end");
    let python = Command::new("python3").args(["-c", code]).output().expect("a Python");
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let printed = String::from_utf8(python.stdout).expect("text");

    let id = |arguments: &[&str], input: &str| ballet(arguments, input).ends_with(0).out;
    let body = r#"{"sku": "mug"}"#;
    let of_content = ["id", "--type", CHECKED_OUT, "--body", "-"];
    let saga = "0193f7a0-0000-7000-8000-00000000c001";
    let derived = [
        id(&["id", "booking-17"], ""),
        id(&["id", "17", "--source", "/shop"], ""),
        id(&of_content, body),
        id(&[&of_content[..], &["--correlation-id", saga]].concat(), body),
    ];
    assert_eq!(printed, derived.concat());
    // On the page.
    assert!(page.contains(&format!("$ cargo ballet id booking-17\n{}", derived[0])));
    // A UUID is the id itself, and without input the id is new.
    assert_eq!(id(&["id", saga], ""), format!("{saga}\n"));
    let new = [id(&["id"], ""), id(&["id"], "")];
    assert!(new[0] != new[1] && new[0].as_bytes()[14] == b'7', "{new:?}");
    ballet(&["id", " "], "").ends_with(2);
}

#[test]
fn the_body_on_the_page_about_producers_is_valid() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/producers.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let body = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    ballet(&BARE, body.expect("an example")).ends_with(0);
}

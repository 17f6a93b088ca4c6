//! A newcomer's walk: runs every command that the first pages name, on the demo that they start first.

mod demo;
mod elsewhere;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use crate::demo::RunningDemo;

/// The first page, those by task, and the walk through the shop. Their commands run in this order, but for what begins
/// an order, which comes first.
const PAGES: [&str; 7] = [
    "README.md",
    "docs/shop/try-it.md",
    "docs/write-a-service.md",
    "docs/call-outside.md",
    "docs/decide-in-time.md",
    "docs/run-and-look.md",
    "docs/when-it-hangs.md",
];
/// The first command of all, which needs no demo.
const HELLO: &str = "cargo run -p hello";
/// All other commands work on this demo.
const DEMO: &str = "cargo xtask demo";
/// A run of all tests walks through streaming with every fourth commit, and otherwise lists the walk as left out.
/// Without `BALLET_TURN` it is always taken.
const SHARES: usize = 4;
/// Each demo has a broker, a database server and many processes.
static ALONE: Mutex<()> = Mutex::const_new(());
/// On the page: Bob may not see Alice's order (404), nobody may without a token (401), and somebody else changed a
/// price (412).
const REFUSED: [&str; 3] = ["404", "401", "412"];

#[tokio::test]
async fn every_command_of_the_first_pages_works_as_it_stands() {
    if ballet_stage::python().await.is_none() {
        return ballet_stage::left_out("Python with pika and psycopg");
    }
    let root = root();
    let pages = PAGES.map(|page| fs::read_to_string(root.join(page)).expect("a page"));
    let all: Vec<String> = pages.iter().flat_map(|page| page::commands(page)).collect();
    assert_eq!(all[..2], [HELLO, DEMO]);
    let mut script = Vec::new();
    for command in all.iter().filter(|command| *command != DEMO) {
        if !elsewhere::runs(&root, command) {
            script.push(command.as_str());
        } else if let Some(options) = command.strip_prefix("cargo xtask ")
            && options.contains(" --")
        {
            let is_known = demo::is_known(&root, demo::XTASK.as_ref(), options).await;
            assert!(is_known, "xtask does not know {options}");
        }
    }
    // The page's orders have to exist before a command looks at them.
    script.sort_by_key(|command| !command.contains("ORDER=$("));

    let _alone = ALONE.lock().await;
    let demo = RunningDemo::start(&root, "shop", DEMO).await;
    let answers = demo.run(&script.join("\n")).await;
    let mut refused: Vec<String> = answers.iter().filter_map(|answer| refusal(answer)).collect();
    // On a busy machine an order may be confirmed before it is cancelled.
    refused.retain(|status| status != "409");
    assert_eq!(refused, REFUSED, "{answers:#?}");
    let is_completed = |answer: &String| {
        answer.starts_with("data: ") && answer.contains(r#""status":"completed""#)
    };
    assert!(answers.iter().any(is_completed), "{answers:#?}");
    let answers = demo.run(&order_from_a_shell(&root)).await;
    assert!(answers.iter().any(|answer| answer == r#"{"routed":true}"#), "{answers:#?}");
    demo.stop().await;
}

/// The example in the page about producers that sends an order by the shell, with the page's body, and a wait for it.
fn order_from_a_shell(root: &Path) -> String {
    let page = fs::read_to_string(root.join("docs/producers.md")).expect("a page");
    let block = |language: &str| {
        let found = page.split(language).nth(1).and_then(|rest| rest.split("```").next());
        found.expect("an example").to_owned()
    };
    format!(
        "SUPPORT=\"Authorization: Bearer $($TOKEN --subject support --scopes orders:all)\"\n\
         ORDER=$(cargo ballet id booking-17)\ncd \"$WALK\"\ncat > body.json << BODY\n{}BODY\n{}\
         command curl --fail --retry 60 --retry-all-errors --retry-delay 1 \
         $GATEWAY/orders/$ORDER -H \"$SUPPORT\"",
        block("```json\n"),
        block("```sh\n"),
    )
}

#[tokio::test]
async fn a_client_made_of_the_document_plays_a_viewer_and_the_page_works_as_it_stands() {
    let turn = std::env::var("BALLET_TURN").ok();
    let turn = turn.map_or(0, |turn| turn.parse::<usize>().expect("a number"));
    if !turn.is_multiple_of(SHARES) {
        return ballet_stage::left_out(
            "walk through streaming with this commit: every fourth has one, and `cargo xtask test --long`",
        );
    }
    let (answers, refused) = walk("streaming").await;
    assert_eq!(refused, ["401", "422"], "{answers:#?}");
    let is_found = |answer: &String| answer.contains(r#""name":"The Harbour""#);
    assert!(answers.iter().any(is_found), "{answers:#?}");
}

#[tokio::test]
#[ignore = "its town takes the machine from the tests beside it: `cargo test -p xtask --test walk -- --ignored`"]
async fn a_rider_and_a_driver_are_played_with_curl_alone() {
    let (answers, refused) = walk("rides").await;
    // Before these, the page tried refused requests again: the offer, or the car's position, was not there yet.
    let first = refused.iter().position(|status| status == "401");
    let (by_gateway, by_dispatch) = refused[first.expect("a refusal")..].split_at(2);
    assert_eq!(by_gateway, ["401", "403"], "{answers:#?}");
    // On a busy machine dispatch may answer that it has no time.
    assert!(by_dispatch.iter().all(|status| status == "409"), "{answers:#?}");
    let quoted = answers.iter().find_map(|answer| field(answer, r#""price":{"amount_minor":"#));
    let charged = answers.iter().find_map(|answer| field(answer, r#""charged":{"amount_minor":"#));
    assert!(charged.is_some() && charged == quoted, "{quoted:?}: {answers:#?}");
    for status in ["searching", "offered", "accepted", "assigned", "riding", "completed"] {
        let is_seen = |answer: &String| {
            answer.starts_with("data: ") && answer.contains(&format!(r#""status":"{status}""#))
        };
        assert!(answers.iter().any(is_seen), "{status} is not seen: {answers:#?}");
    }
    let is_cancelled = |answer: &String| answer.contains(r#""reason":"rider_cancelled""#);
    assert!(answers.iter().any(is_cancelled), "{answers:#?}");
}

async fn walk(system: &str) -> (Vec<String>, Vec<String>) {
    let root = root();
    let page = fs::read_to_string(root.join(format!("docs/{system}/try-it.md"))).expect("a page");
    let scripts: Vec<String> =
        page::commands(&page).into_iter().filter(|command| command.contains('\n')).collect();
    let _alone = ALONE.lock().await;
    let demo = RunningDemo::start(&root, system, &format!("{DEMO} {system} --customers 13")).await;
    let answers = demo.run(&scripts.join("\n")).await;
    let mut refused: Vec<String> = answers.iter().filter_map(|answer| refusal(answer)).collect();
    // On a busy machine a service may be too late.
    refused.retain(|status| status.starts_with('4'));
    demo.stop().await;
    (answers, refused)
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().expect("the workspace")
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = answer.split_once(name)?;
    rest.split([',', '}']).next()
}

fn refusal(answer: &str) -> Option<String> {
    let (_, rest) = answer.strip_prefix(r#"{"type":""#)?.split_once(r#""status":"#)?;
    Some(rest.chars().take(3).collect())
}

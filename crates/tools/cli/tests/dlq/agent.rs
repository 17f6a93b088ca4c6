//! `ballet mcp`: an agent on the protocol's Python SDK looks at a system with a stuck saga, and acts on it.

use std::path::Path;
use std::process::Stdio;

use ballet_stage::{left_out, python_with};
use ballet_testkit::command::{end_of, ended};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::sagas::until_said;
use crate::shop::{ShopWorld, checkout};
use crate::solved::tap;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dlq/agent.py");
const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
/// The most bytes of an answer: its rows, and what is said beside them.
const MOST_BYTES: u64 = 80_000;
/// What stands in place of a value about a person.
const MASK: &str = "•••";

/// A server's command line and environment, as a client starts it.
struct Agent<'a> {
    shop: &'a ShopWorld,
    options: &'a [&'a str],
    /// Instead of the shop's servers: nobody listens there.
    url_of_nobody: Option<&'a str>,
}

impl Agent<'_> {
    /// Calls these tools one after the other, and returns what the client got.
    async fn calls(&self, python: &Path, calls: &[(&str, Value)]) -> Value {
        // The environment of the command is that of the client, which starts it.
        let mut command = self.shop.command(&[]);
        let (vhost, management) = (self.shop.env.vhost(), self.shop.env.management_url());
        command.env("RABBITMQ_MANAGEMENT_URL", management).env("BALLET_VHOST", vhost);
        if let Some(url) = self.url_of_nobody {
            command.env("AMQP_URL", format!("amqp://{url}/shop"));
            command.env("DATABASE_URL", format!("postgres://{url}/{{service}}"));
            command.env("RABBITMQ_MANAGEMENT_URL", format!("http://{url}"));
        }
        let mut client = Command::new(python);
        for (name, value) in command.as_std().get_envs() {
            match value {
                Some(value) => client.env(name, value),
                None => client.env_remove(name),
            };
        }
        let client = client
            .args([CLIENT, env!("CARGO_BIN_EXE_ballet"), "mcp", "--contracts", CONTRACTS])
            .args(self.options)
            .current_dir(&self.shop.place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut client = client.expect("a client");
        let mut input = client.stdin.take().expect("an input");
        input.write_all(json!(calls).to_string().as_bytes()).await.expect("written");
        drop(input);
        let output = end_of(client).await.ends_with(0);
        self.tells_no_secret(&format!("{}{}", output.out, output.err));
        let got: Value = output.json();
        assert_eq!(got["noise"], json!([]), "standard output is for the protocol alone");
        assert_eq!(got["server"], "ballet");
        let answers = got["answers"].as_array().expect("answers");
        assert_eq!(answers.len(), calls.len());
        assert!(
            answers.iter().all(|one| one["bytes"].as_u64().is_none_or(|bytes| bytes < MOST_BYTES))
        );
        got
    }

    /// Checks that none of the passwords of the servers is in a text, and nothing about the customer.
    fn tells_no_secret(&self, text: &str) {
        let env = &self.shop.env;
        let urls = [
            env.amqp_url("redrive").to_owned(),
            env.management_url(),
            env.admin_database_url("orders").to_owned(),
            format!("http://{}", self.url_of_nobody.unwrap_or("a:the-password-of-nobody@b")),
        ];
        let urls = urls.map(|url| Url::parse(&url).expect("a URL"));
        // A developer's own database server may have a password that is a common word.
        let passwords = urls.iter().filter_map(Url::password).filter(|word| word.len() > 12);
        for secret in passwords.chain(["Main Street 1"]) {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

async fn services_are_listed_for_people(shop: &ShopWorld) {
    let listed = shop.ballet(&["services"]).await.ends_with(0);
    listed.prints(&["to publish", "inventory"]);
    let mut away = shop.command(&["services"]);
    away.env("DATABASE_URL", "postgres://ada:the-password-of-nobody@127.0.0.1:1/{service}");
    let away = ended(away).await.ends_with(3).prints(&["no service can be read"]);
    let away = away.says(&["the database of inventory", "the rest is listed"]);
    assert!(!away.err.contains("the-password-of-nobody"), "{away:?}");
}

/// One shop: a saga is stuck because inventory takes no message.
#[tokio::test]
async fn an_agent_looks_at_all_and_acts_with_a_dry_run_a_person_and_a_reason_alone() {
    let mut shop = ShopWorld::open("agent").await;
    // Without a client there is nothing to say, and nothing to wait for.
    let alone = ended(shop.command(&["mcp"])).await.ends_with(0);
    assert_eq!(alone.out, "");
    services_are_listed_for_people(&shop).await;
    let Some(python) = python_with("mcp").await else {
        shop.close().await;
        return left_out("Python with mcp");
    };
    shop.stop("inventory").await;
    shop.start("inventory", Some(10)).await;
    let saga = shop.new_order(&checkout()).await;
    shop.dead("inventory").await;
    until_said(&shop, &["sagas", "stuck"], &saga).await;
    let listed: Value = shop.ballet(&["dlq", "list", "-o", "json"]).await.ends_with(0).json();
    let letter = listed[0]["id"].as_str().expect("an id").to_owned();

    it_looks(&shop, &python, &saga, &listed).await;
    it_is_told_what_is_wrong(&shop, &python).await;
    shop.stop("inventory").await;
    shop.start("inventory", None).await;
    it_acts(&shop, &python, &saga, &letter).await;
    shop.close().await;
}

async fn it_looks(shop: &ShopWorld, python: &Path, saga: &str, listed: &Value) {
    let agent = Agent { shop, options: &[], url_of_nobody: None };
    let letter = &listed[0]["id"];
    let calls = [
        ("dlq_list", json!({})),
        ("sagas_stuck", json!({})),
        ("sagas_list", json!({ "state": "open" })),
        ("sagas_show", json!({ "saga": saga })),
        ("dlq_show", json!({ "id": letter })),
        ("dlq_groups", json!({ "service": ["inventory"] })),
        ("services", json!({})),
        ("catalog", json!({ "event": "order_placed" })),
        ("catalog", json!({})),
        ("doctor", json!({ "quiet": true })),
        ("audit", json!({ "quiescent_after": 0 })),
        ("check", json!({})),
        ("topology_check", json!({})),
    ];
    let got = agent.calls(python, &calls).await;
    let answers = got["answers"].as_array().expect("answers");
    for ((tool, _), answer) in calls.iter().zip(answers) {
        assert!(answer["rows"].is_array() && answer["said"].is_array(), "{tool}: {answer}");
    }
    assert_eq!(answers[0]["rows"], *listed, "as the command prints it");
    let has_saga = |row: &Value| row["saga"] == saga;
    let is_stuck = |row: &Value| has_saga(row) && row["state"] == "stuck";
    assert!(answers[1]["rows"].as_array().expect("rows").iter().any(is_stuck), "{}", answers[1]);
    assert!(answers[2]["rows"].as_array().expect("rows").iter().any(has_saga), "{}", answers[2]);
    let (shown, dead) = (&answers[3]["rows"][0], &answers[4]["rows"][0]);
    let mut events = shown["events"].as_array().expect("events").iter();
    let placed = events.find(|event| event["event"] == "orders.order_placed.v1").expect("placed");
    assert_eq!(placed["body"]["ship_to"], MASK);
    assert!(dead["body"].as_str().is_some_and(|body| body.contains(MASK)), "{dead}");
    assert_eq!(answers[5]["rows"][0]["reason"], "body_too_big");
    let is_inventory = |row: &&Value| row["service"] == "inventory";
    let services = answers[6]["rows"].as_array().expect("rows");
    let inventory = services.iter().find(is_inventory).expect("inventory");
    assert_eq!(inventory["processes"][0]["count"], 1, "{inventory}");
    assert_eq!(answers[7]["rows"][0]["published_by"], json!(["orders"]));
    assert!(
        answers[7]["rows"][0]["schema"].is_object() && answers[8]["rows"][0]["schema"].is_null()
    );
    assert_eq!((&answers[11]["outcome"], &answers[11]["rows"]), (&json!("all"), &json!([])));

    let tools = got["tools"].as_object().expect("tools");
    assert_eq!(got["looks"].as_array().expect("looks").len(), tools.len(), "it can only look");
    assert!(tools.values().all(|schema| schema["type"] == "object"), "{tools:?}");
}

async fn it_is_told_what_is_wrong(shop: &ShopWorld, python: &Path) {
    let agent = Agent { shop, options: &[], url_of_nobody: None };
    let wrong = [
        ("dlq_discard", json!({ "all": true }), "a person may start it with --allow-acts"),
        ("sagas_list", json!({ "state": "lost" }), "possible values: open, waiting"),
        ("sagas_show", json!({ "saga": ShopWorld::new_id() }), "is the id right?"),
    ];
    let calls: Vec<_> = wrong.iter().map(|(tool, given, _)| (*tool, given.clone())).collect();
    let got = agent.calls(python, &calls).await;
    for ((tool, _, said), answer) in wrong.iter().zip(got["answers"].as_array().expect("answers")) {
        assert!(
            answer["error"].as_str().is_some_and(|text| text.contains(said)),
            "{tool}: {answer}"
        );
    }
    let unknown = agent.calls(python, &[("drop_tables", json!({}))]).await;
    assert!(unknown["answers"][0]["refused"].is_string(), "{unknown}");

    let url_of_nobody = Some("ada:the-password-of-nobody@127.0.0.1:1");
    let away = Agent { shop, options: &[], url_of_nobody };
    let calls = ["dlq_list", "inbox_list", "sagas_stuck", "doctor"].map(|tool| (tool, json!({})));
    let got = away.calls(python, &calls).await;
    let dead = &got["answers"][0]["error"];
    assert!(dead.as_str().is_some_and(|text| text.contains("cannot be reached")), "{got}");
    assert!(got["answers"][3]["rows"].to_string().contains("\"state\":\"bad\""), "{got}");
}

async fn it_acts(shop: &ShopWorld, python: &Path, saga: &str, letter: &str) {
    let lost = ShopWorld::new_id();
    shop.drop(&lost, "no JSON").await;
    shop.dead("orders").await;
    let archive = shop.place.join("archive");
    std::fs::create_dir_all(&archive).expect("a directory");
    let options = ["--allow-acts", "--archive", archive.to_str().expect("text")];
    let agent = Agent { shop, options: &options, url_of_nobody: None };
    let done = |mut given: Value, reason: &str| {
        given["dry_run"] = json!(false);
        given["person"] = json!("ada");
        given["reason"] = json!(reason);
        given
    };
    let (redrive, discard) = (json!({ "id": [letter] }), json!({ "id": [lost] }));
    let calls = [
        ("dlq_redrive", redrive.clone()),
        // It was a dry run: the letter is still there.
        ("dlq_show", json!({ "id": letter })),
        ("dlq_redrive", json!({ "id": [letter], "dry_run": false })),
        ("dlq_redrive", done(redrive, "the limit was wrong, case 4711")),
        ("dlq_discard", discard.clone()),
        ("dlq_discard", done(discard, "a test order")),
        ("dlq_edit", json!({ "id": lost, "body": json!({ "name": MASK }).to_string() })),
        ("sagas_stop", json!({ "id": ShopWorld::new_id() })),
    ];
    let got = agent.calls(python, &calls).await;
    let answers = got["answers"].as_array().expect("answers");
    let says = |at: usize, words: &str| {
        assert!(answers[at].to_string().contains(words), "{words} is not in {}", answers[at]);
    };
    says(0, "1 dead letter would be sent back; nothing was sent");
    assert_eq!(answers[0]["dry_run"], true);
    assert_eq!(answers[1]["rows"][0]["redrives"], 0);
    let refused = answers[2]["error"].as_str();
    assert!(refused.is_some_and(|text| text.contains("`person` and `reason`")), "{got}");
    says(3, "1 dead letter sent back");
    says(4, "1 dead letter would be discarded; nothing was");
    says(5, "1 dead letter discarded and written to");
    says(6, "has to be given in full");
    says(7, "has no undecided");
    assert_eq!(std::fs::read_dir(&archive).expect("a directory").count(), 1);

    shop.order_is(saga, "completed").await;
    let seen = ["tap", "--since", "1h", "--until", "now", "--saga", saga];
    let seen = tap(shop, &seen).await;
    assert!(seen.contains("redriven by ada, through ballet mcp: the limit was wrong"), "{seen}");
    let shown = shop.ballet(&["sagas", "show", &lost]).await.ends_with(0);
    shown.prints(&["discarded by ada, through ballet mcp", "a test order"]);
    let stays = got["tools"].as_object().expect("tools").len()
        - got["looks"].as_array().expect("looks").len();
    assert_eq!(stays, 7, "each act is a tool");
}

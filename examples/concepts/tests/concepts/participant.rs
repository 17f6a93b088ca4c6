//! The cashier as a program that is known by its contract alone: it joins two events, may refuse, and calls outside.

use std::process::ExitCode;
use std::time::Duration;

use ballet::client::{ApiClient, ApiConnection, Secrets};
use ballet::{Event, Settings};
use ballet_testkit::participant::{
    Contract, Program, ProgramSuite, ProviderCall, ProviderCalls, Scenario, ScenarioOutcome,
};
use clap::Parser;
use concepts::call_outside::{self, CardRefunded};
use concepts::ticket_order::{
    CardCharged, CardDeclined, OrderCancelled, SeatsHeld, TicketsOrdered,
};
use serde_json::json;

const PROCESSOR: &str = "PROCESSOR_URL";

/// The arguments of the program, with the settings of every service.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    ballet: Settings,
    test: String,
    #[arg(long)]
    exact: bool,
    #[arg(long)]
    nocapture: bool,
}

/// Not a test, but the program that the suite runs.
#[test]
fn program() -> ExitCode {
    let Ok(url) = std::env::var(PROCESSOR) else { return ExitCode::SUCCESS };
    ballet::main(|args: Args| (args.ballet, call_outside::service(processor(&url))))
}

fn processor(url: &str) -> ApiClient {
    let key = Secrets::of("PROCESSOR_KEY", Some("our-key"), None, 1).expect("a key");
    let (url, key) = (url.parse().expect("a URL"), key.expect("a key"));
    let timeout = Duration::from_secs(10);
    ApiClient::new(ApiConnection { url, key, ca_file: None, timeout }).expect("a client")
}

fn contract() -> Contract {
    let order = |card: &str| {
        json!({ "order_id": "{saga}", "show": "premiere", "seats": 1, "popcorn": 0,
            "price_cents": 1200, "card": card })
    };
    let bodies = [
        (TicketsOrdered::TYPE, order("card_good")),
        (SeatsHeld::TYPE, json!({ "order_id": "{saga}", "show": "premiere", "seats": 1 })),
        (CardCharged::TYPE, json!({ "order_id": "{saga}", "price_cents": 1200 })),
        (CardDeclined::TYPE, json!({ "order_id": "{saga}", "reason": "no such card" })),
        (OrderCancelled::TYPE, json!({ "order_id": "{saga}", "reason": "the guest is ill" })),
        (CardRefunded::TYPE, json!({})),
    ];
    let call = |request: &str, result: &str| {
        let answer = json!({ "idempotency_key": "{key}", "result": result });
        ProviderCall { request: request.to_owned(), answer }
    };
    Contract {
        part: call_outside::service(processor("http://127.0.0.1:1")).part(),
        step: "charge_card".to_owned(),
        bodies: bodies.map(|(event, body)| (event.name().to_owned(), body)).into(),
        refused_by: Some(json!({ "order_id": "{saga}", "show": "premiere", "seats": 1 })),
        reference: String::new(),
        trouble: None,
        calls: Some(ProviderCalls {
            url: PROCESSOR.to_owned(),
            step: call("POST /charges", "charged"),
            refusal: Some(json!({ "idempotency_key": "{key}", "result": "declined",
                "reason": "no such card" })),
            compensation: call("POST /refunds", "refunded"),
        }),
        effect: None,
        effect_when_done: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_joins_refuses_and_calls_keeps_what_a_participant_owes() {
    let program = Program::new(std::env::current_exe().expect("this program"));
    let program = program.args(["participant::program", "--exact", "--nocapture"]);
    let suite = ProgramSuite::new(program.env("LOG", "warn"), contract());
    let own = [Scenario::Refused, Scenario::Join, Scenario::CallUnknown, Scenario::CallAborted];
    assert!(own.iter().all(|scenario| suite.scenarios().contains(scenario)), "they fit");
    let mut wrong = Vec::new();
    let told = |outcome: ScenarioOutcome| {
        eprintln!("{}: {:.1?}", outcome.scenario, outcome.took);
        wrong.extend(outcome.wrong.map(|wrong| format!("{}: {wrong}", outcome.scenario)));
    };
    suite.run_all(&own, told).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

//! The HTTP routes of services against their OpenAPI documents.

use ballet_testkit::openapi::try_out;
use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::town::Town;

/// The seed decides every request: a finding comes again with it.
const SEED: u64 = 9457;
/// How many requests of each kind every route gets.
const ROUNDS: u32 = 40;

/// The rider of the examples in the document of dispatch.
const RIDER: &str = "0190a000-0000-7000-8000-000000000001";

#[tokio::test]
async fn riders_and_location_do_what_their_documents_say() {
    let town = Town::new("rides_routes").await;
    town.rider().await;
    town.driver(1).await;
    let mut findings = Vec::new();
    for service in ["riders", "location"] {
        let found = try_out(&town.system.url(service), SEED, ROUNDS).await.expect("a document");
        findings.extend(found.into_iter().map(|what| format!("{service}: {what}")));
    }
    assert!(findings.is_empty(), "seed {SEED}:\n{}", findings.join("\n"));
    town.close().await;
}

/// The rider of the examples is there.
async fn with_rider(town: &Town) {
    let request = Client::new()
        .post(format!("{}/riders", town.system.url("riders")))
        .header("x-ballet-subject", RIDER)
        .header("x-ballet-scopes", "rides:ride")
        .json(&json!({ "name": "Ada", "payment_token": "card_approved" }));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let copied = format!("select count(*) from ballet.copy where id = '{RIDER}'");
    town.system.until("dispatch", &copied, 1).await;
}

#[tokio::test]
async fn dispatch_does_what_its_document_says() {
    let town = Town::new("rides_routes_dispatch").await;
    // Each driver has declined a ride, has driven one, and drives one: if that is completed, the other is still driven.
    for _ in 0..2 {
        let (rider, driver) = (town.rider().await, town.driver(1).await);
        let declined = town.request(rider).await;
        town.asked(declined, driver).await;
        town.said(declined, driver, "decline").await;
        town.until(declined, "cancelled").await;
        town.until_driver(driver, "free").await;
        let driven = town.request(rider).await;
        town.asked(driven, driver).await;
        town.drive(driven, driver).await;
        town.until_driver(driver, "free").await;
        let riding = town.request(rider).await;
        town.asked(riding, driver).await;
        town.accepted(riding, driver).await;
        town.said(riding, driver, "start").await;
        town.until(riding, "riding").await;
    }
    with_rider(&town).await;
    let found = try_out(&town.system.url("dispatch"), SEED, ROUNDS).await.expect("a document");
    assert!(found.is_empty(), "seed {SEED}:\n{}", found.join("\n"));
    town.close().await;
}

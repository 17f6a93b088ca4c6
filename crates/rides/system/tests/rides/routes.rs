//! The HTTP routes of services against their OpenAPI documents.

use ballet_testkit::openapi::try_out;

use crate::town::Town;

/// The seed of all requests. A finding comes again with the same seed.
const SEED: u64 = 9457;
/// The number of requests of each kind for every route.
const ROUNDS: u32 = 40;

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

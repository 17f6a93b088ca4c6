//! The HTTP routes of services against their OpenAPI documents.

use ballet_testkit::openapi::try_out;

use crate::world::StreamingWorld;

/// The seed of all requests. A finding comes again with the same seed.
const SEED: u64 = 9457;
/// The number of requests of each kind for every route.
const ROUNDS: u32 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_do_what_their_documents_say() {
    let world = StreamingWorld::whole("routes").await;
    let title = world.any_title().await;
    // The requests stop sessions at random, and start others that displace them: some have to be left.
    for _ in 0..8 {
        let session = world.play(&world.home("duo", 2).await, 0, &title).await;
        world.beat(&session, 1, 1).await;
    }
    // As if it had begun long ago: many a number of seconds may be true then.
    let older = "update session set started_at = started_at - interval '50 years'";
    world.system.execute("playback", older).await;
    let mut findings = Vec::new();
    for service in ["playback", "analytics", "titles", "accounts"] {
        let found = try_out(&world.system.url(service), SEED, ROUNDS).await.expect("a document");
        findings.extend(found.into_iter().map(|what| format!("{service}: {what}")));
    }
    assert!(findings.is_empty(), "seed {SEED}:\n{}", findings.join("\n"));
    world.system.close(0).await;
}

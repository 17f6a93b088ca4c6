//! What a service serves about itself, and what it passes on of a request.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::Problem;
use ballet::{Handle, SagaId, Service, Settings};
use ballet_testkit::wait_until;

use crate::trip::{DESK_TABLES, HOTEL_TABLES, RoomBooked, TripBooked, Trouble, desk, hotel};
use crate::world::{SOON, World, part};

async fn book(State(desk): State<Handle>) -> Result<String, Problem> {
    let saga: SagaId = desk.new_id();
    let mut unit = desk.saga_unit(saga).await?;
    unit.originate(TripBooked { city: "Rome".into() }).await?;
    unit.commit().await?;
    Ok(saga.to_string())
}

#[tokio::test]
async fn t155_health_readiness_and_metrics_tell_how_it_is() {
    let world = World::new("health", vec![part(hotel(Trouble::default()), HOTEL_TABLES)]).await;
    let base = format!("http://{}", world.services[0].address());
    let get = |path: &str| reqwest::get(format!("{base}{path}"));
    assert_eq!(get("/healthz").await.expect("an answer").status(), 200);
    wait_until("readiness", SOON, || async {
        let answer = get("/readyz").await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status == 200 { Ok(Some(())) } else { Err(text) }
    })
    .await
    .expect("ready");

    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    let metrics = get("/metrics").await.expect("an answer").text().await.expect("text");
    for line in [
        r#"ballet_messages_total{type="desk.trip_booked.v1",outcome="handled"}"#,
        "ballet_batch_size_bucket",
        "ballet_transaction_seconds_sum",
        "ballet_publish_to_commit_seconds_count",
        "ballet_outbox_unpublished",
        "ballet_calls_open",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }

    let missing = get("/nowhere").await.expect("an answer");
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn the_trace_of_a_request_goes_with_its_events() {
    let parts = vec![part(desk(), DESK_TABLES), part(hotel(Trouble::default()), HOTEL_TABLES)];
    let mut world = World::new("trace", parts).await;
    world.services.remove(0).stop().await;
    let settings = Settings::new(world.env.amqp_url("desk"), world.env.database_url("desk"));
    let service = Service::new(desk())
        .migrations(DESK_TABLES)
        .routes(|handle| Router::new().route("/trips", post(book)).with_state(handle));
    let desk = service.start(settings).await.expect("started");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let saga: SagaId = reqwest::Client::new()
        .post(format!("http://{}/trips", desk.address()))
        .header("traceparent", trace)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text")
        .parse()
        .expect("an id");
    world.event::<RoomBooked>(saga).await;
    let seen = world.seen().await;
    let traces: Vec<_> = seen
        .iter()
        .filter(|m| m["properties"]["correlation_id"] == saga.to_string())
        .map(|m| m["properties"]["headers"]["traceparent"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(traces, [trace, trace], "booked at the desk, and at the hotel");
}

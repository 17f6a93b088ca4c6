//! One trace goes through request, outbox, broker and handlers; each run of a handler is a span.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use ballet::http::Problem;
use ballet::settings::OtelSettings;
use ballet::{Event, Handle, Running, SagaId, Service, Settings};
use ballet_testkit::{CollectedSpan, Collector};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::trip::{
    DESK_TABLES, HOTEL_TABLES, RoomBooked, TripBooked, TripCancelled, TripOverdue, TripWanted,
    Trouble, desk, desk_within, hotel,
};
use crate::world::{SOON, TripWorld, part, the_hotel};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn book(State(desk): State<Handle>, Path(city): Path<String>) -> Result<String, Problem> {
    let saga: SagaId = desk.new_id();
    let mut unit = desk.saga_unit(saga).await?;
    unit.originate(TripBooked { city }).await?;
    unit.commit().await?;
    Ok(saga.to_string())
}

async fn agency(trouble: Trouble, otlp: &str, otel: OtelSettings) -> (TripWorld, Running) {
    let parts = vec![part(desk(), DESK_TABLES), the_hotel()];
    let mut world = TripWorld::prepared("attempts", parts).await;
    let otlp_endpoint = Some(otlp.to_owned());
    let hotel = part(hotel(trouble), HOTEL_TABLES);
    let export = |settings: &mut Settings| {
        settings.otlp_endpoint.clone_from(&otlp_endpoint);
        settings.otel.clone_from(&otel);
    };
    world.start_with(hotel, export).await;
    let settings = Settings::new(world.env.amqp_url("desk"), world.env.database_url("desk"));
    let service = Service::new(desk())
        .migrations(DESK_TABLES)
        .routes(|handle| Router::new().route("/trips/{city}", post(book)).with_state(handle));
    let settings = Settings { otlp_endpoint, otel, ..settings };
    let desk = service.start(settings).await.expect("started");
    (world, desk)
}

async fn booked(desk: &Running, city: &str, trace: &str) -> SagaId {
    let request = reqwest::Client::new().post(format!("http://{}/trips/{city}", desk.address()));
    let answer = request.header("traceparent", trace).send().await.expect("an answer");
    answer.text().await.expect("text").parse().expect("an id")
}

/// Trace and span, in order.
async fn traces(world: &TripWorld, saga: SagaId) -> Vec<(String, String)> {
    let of_saga = |m: &&Value| {
        m["exchange"] == "events" && m["properties"]["correlation_id"] == saga.to_string()
    };
    let trace = |m: &Value| {
        let text = m["properties"]["headers"]["traceparent"].as_str().expect("a traceparent");
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!((parts[0], parts[3]), ("00", "01"), "{text}");
        (parts[1].to_owned(), parts[2].to_owned())
    };
    world.seen().await.iter().filter(of_saga).map(trace).collect()
}

fn beside(message: &Value) -> [Option<&str>; 3] {
    let headers = &message["properties"]["headers"];
    let text = |name: &str| headers[name].as_str();
    [text("traceparent").map(|text| &text[3..35]), text("tracestate"), text("baggage")]
}

#[tokio::test]
async fn t164_what_comes_beside_a_trace_goes_on_with_it_and_what_is_invalid_stays_behind() {
    let desk = || part(desk_within(SignedDuration::from_secs(1)), DESK_TABLES);
    let world = TripWorld::new("beside", vec![desk()]).await;
    let (state, baggage) = ("vendor=1, other=2", "user=7;plan=free, page=a%20b");
    let long = format!("k={}", "v".repeat(8200));
    for (given, expected) in [
        ([TRACE, state, baggage], [Some(TRACE_ID), Some(state), Some(baggage)]),
        ([TRACE, "", "none"], [Some(TRACE_ID), None, None]),
        ([TRACE, &long, &long], [Some(TRACE_ID), None, None]),
        (["no trace", state, baggage], [None, None, Some(baggage)]),
    ] {
        let saga = world.new_saga();
        let [trace, tracestate, baggage] = given;
        let headers = json!({"traceparent": trace, "tracestate": tracestate, "baggage": baggage});
        let ids = [world.new_id(), saga.to_string()];
        let properties =
            json!({"message_id": ids[0], "correlation_id": ids[1], "headers": headers});
        world.publish_raw(TripWanted::TYPE.name(), &properties, r#"{"city":"Rome"}"#).await;
        // By its deadline, which is kept in the database.
        world.event::<TripCancelled>(saga).await;
        let (seen, id) = (world.seen().await, saga.0.simple().to_string());
        let [trace, tracestate, baggage] = expected;
        for key in [TripBooked::TYPE, TripOverdue::TYPE, TripCancelled::TYPE] {
            let of_saga = |m: &&Value| {
                m["routing_key"] == key.name()
                    && m["properties"]["correlation_id"] == saga.to_string()
            };
            let event = seen.iter().find(of_saga).expect("the event");
            assert_eq!(beside(event), [trace.or(Some(&id)), tracestate, baggage], "{event}");
        }
    }
}

#[tokio::test]
async fn t165_t166_a_saga_begins_a_trace_of_its_id_and_attempts_are_numbered_in_a_given_one() {
    let collector = Collector::start().await.expect("a collector");
    let trouble = Trouble::default().times(2);
    let (world, desk) = agency(trouble, collector.url(), OtelSettings::default()).await;
    let not_one = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for none in ["", "not a trace", not_one] {
        let saga = booked(&desk, "Rome", none).await;
        world.event::<RoomBooked>(saga).await;
        let ids: Vec<String> =
            traces(&world, saga).await.into_iter().map(|(trace, _)| trace).collect();
        assert_eq!(ids, [saga.0.simple().to_string(), saga.0.simple().to_string()], "{none:?}");
    }
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    let answer = world.seen().await.pop().expect("the room");
    let trace = answer["properties"]["headers"]["traceparent"].as_str().expect("a traceparent");
    assert_eq!(&trace[3..35], saga.0.simple().to_string(), "a message that came without one");

    let saga = booked(&desk, "Shaky", TRACE).await;
    world.event::<RoomBooked>(saga).await;
    let of_saga = |m: &Value| {
        m["routing_key"] == "desk.trip_booked.v1"
            && m["properties"]["correlation_id"] == saga.to_string()
    };
    let id = world.seen().await.into_iter().find(of_saga);
    let id = id.expect("the trip")["properties"]["message_id"].clone();
    let received = |spans: &[CollectedSpan]| {
        spans.iter().find(|span| span.name == "receive desk.trip_booked.v1").cloned()
    };
    let spans = collector.until(TRACE_ID, SOON, |spans| received(spans).is_some()).await;
    let spans = spans.expect("the spans");
    let received = received(&spans).expect("it was received");
    assert_eq!(received.attributes["messaging.message.id"], id);
    let mut attempts: Vec<_> = spans.iter().filter(|span| span.name == "book_room").collect();
    attempts.sort_by_key(|span| span.time);
    let told = |span: &&CollectedSpan| {
        assert_eq!(span.parent.as_ref(), Some(&received.span_id), "{spans:#?}");
        let said = |name: &str| span.attributes[name].clone();
        assert_eq!(said("ballet.saga_id"), saga.to_string());
        (said("ballet.attempt"), said("ballet.outcome"), span.failed)
    };
    let told: Vec<_> = attempts.iter().map(told).collect();
    let expected = [("1", "failed", true), ("2", "failed", true), ("3", "handled", false)];
    assert_eq!(told, expected.map(|(at, how, failed)| (at.to_owned(), how.to_owned(), failed)));
}

#[tokio::test]
async fn spans_go_over_grpc_under_a_given_name_and_a_sampler_leaves_traces_out() {
    let collector = Collector::start().await.expect("a collector");
    let given = |text: &str| Some(text.to_owned());
    let otel = OtelSettings {
        otlp_protocol: given("grpc"),
        otel_service_name: given("travel"),
        otel_traces_sampler: given("parentbased_always_off"),
        ..OtelSettings::default()
    };
    let (world, desk) = agency(Trouble::default(), collector.url(), otel).await;
    let left_out = booked(&desk, "Rome", "").await;
    world.event::<RoomBooked>(left_out).await;
    let saga = booked(&desk, "Rome", TRACE).await;
    world.event::<RoomBooked>(saga).await;
    let is_there = |spans: &[CollectedSpan]| spans.iter().any(|span| span.name == "book_room");
    let spans = collector.until(TRACE_ID, SOON, is_there).await.expect("the spans");
    assert!(spans.iter().all(|span| span.service == "travel"), "{spans:#?}");
    let trace_id = left_out.0.simple().to_string();
    assert!(collector.trace(&trace_id).is_empty(), "nobody sampled it");
    let seen = world.seen().await;
    let of_saga = seen.iter().filter(|m| m["properties"]["correlation_id"] == left_out.to_string());
    for message in of_saga {
        let trace =
            message["properties"]["headers"]["traceparent"].as_str().expect("a traceparent");
        assert!(trace.contains(&trace_id) && trace.ends_with("-00"), "{trace}");
    }
}

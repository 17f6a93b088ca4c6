//! Messages that [`Envelope::read`] accepts or refuses, and the ids that it derives.

use jiff::SignedDuration;

use super::*;
use crate::id;

mod cloud_events;
mod ids;

const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const CHECKED_OUT: EventType =
    EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
const PUBLISHED: EventType = EventType::plain("catalog.product_published.v1");
/// Made at 2024-12-24T06:11:16.992Z.
const SOME_ID: &str = "0193f7a0-0000-7000-8000-000000000001";

fn known() -> KnownEvents {
    [PLACED, CHECKED_OUT, PUBLISHED].into_iter().collect()
}

fn soon_after() -> Timestamp {
    id::time_of(SOME_ID.parse().expect("a UUID")).expect("a time") + SignedDuration::from_secs(60)
}

fn read(message: &Incoming<'_>) -> Result<Envelope, Unacceptable> {
    received(message).map(|received| received.envelope)
}

fn received<'a>(message: &Incoming<'a>) -> Result<ReceivedEvent<'a>, Unacceptable> {
    Envelope::read(message, &known(), &Limits::default(), soon_after())
}

fn placed() -> Incoming<'static> {
    Incoming {
        exchange: "events",
        routing_key: "orders.order_placed.v1",
        event_type: Some("orders.order_placed.v1"),
        message_id: Some(SOME_ID),
        correlation_id: Some(SOME_ID),
        app_id: Some("orders"),
        content_type: Some("application/json"),
        body: b"{}",
        ..Incoming::default()
    }
}

fn checked_out() -> Incoming<'static> {
    Incoming { routing_key: "cart.checked_out.v1", body: b"{}", ..Incoming::default() }
}

fn reason(message: &Incoming<'_>) -> Reason {
    read(message).expect_err("refused").reason
}

#[test]
fn a_whole_envelope_is_read() {
    let envelope = read(&placed()).expect("accepted");
    assert_eq!(envelope.event_type, PLACED);
    assert_eq!(envelope.message_id.to_string(), SOME_ID);
    assert_eq!(envelope.saga_id.map(|id| id.to_string()).as_deref(), Some(SOME_ID));
}

#[test]
fn a_bare_body_on_a_known_routing_key_is_accepted() {
    let envelope = read(&checked_out()).expect("accepted");
    assert_eq!(envelope.event_type, CHECKED_OUT);
    assert_eq!(
        envelope.message_id,
        MessageId::derived_from_content("cart.checked_out.v1", None, b"{}"),
        "without a message id the content is the id"
    );
    assert_eq!(envelope.saga_id, Some(SagaId(envelope.message_id.0)));
}

#[test]
fn type_saga_and_body_make_the_id_of_a_message_without_one() {
    let id = |message: &Incoming<'_>| read(message).expect("accepted").message_id;
    let plain = id(&checked_out());
    // The headers that differ between copies of a message: who sent it again, and on whose behalf.
    let copies = [
        Incoming { app_id: Some("cart"), ..checked_out() },
        Incoming { content_type: Some("application/json; charset=utf-8"), ..checked_out() },
        Incoming { causation_id: Some(SOME_ID), ..checked_out() },
        Incoming {
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ..checked_out()
        },
        Incoming { tracestate: Some("vendor=1"), baggage: Some("user=1"), ..checked_out() },
        Incoming {
            headers: HeaderSize { count: 3, bytes: 100, ..HeaderSize::default() },
            ..checked_out()
        },
        Incoming { event_type: Some("cart.checked_out.v1"), ..checked_out() },
    ];
    for copy in copies {
        assert_eq!(id(&copy), plain, "{copy:?}");
    }
    assert_ne!(id(&Incoming { body: b"{ }", ..checked_out() }), plain);
    // Two customers, or one twice, may send the same body for two sagas.
    assert_ne!(id(&Incoming { correlation_id: Some(SOME_ID), ..checked_out() }), plain);
}

#[test]
fn a_blank_property_counts_as_absent() {
    let (absent, name) = (read(&checked_out()).expect("accepted"), PLACED.name());
    for blank in [Some(""), Some("   "), Some("\t"), Some("\u{a0}\u{3000}")] {
        let message = Incoming {
            event_type: blank,
            message_id: blank,
            correlation_id: blank,
            app_id: blank,
            content_type: blank,
            content_encoding: blank,
            causation_id: blank,
            traceparent: blank,
            ..checked_out()
        };
        assert_eq!(read(&message).expect("accepted"), absent, "{blank:?}");
        let other = Incoming { body: b"[]", ..message };
        assert_ne!(read(&other).expect("accepted").message_id, absent.message_id);
        let mut attributes = Attributes::default();
        attributes.add("id", blank.unwrap_or_default());
        attributes.add("type", blank.unwrap_or_default());
        let message = Incoming { attributes, ..checked_out() };
        assert_eq!(read(&message).expect("accepted"), absent, "{blank:?}");
        let in_saga = Incoming { correlation_id: blank, ..placed() };
        assert_eq!(reason(&in_saga), Reason::NoCorrelationId);
        let copy = Incoming { event_type: Some(name), app_id: blank, ..placed() };
        assert_eq!(read(&copy).expect("accepted").app_id, None);
    }
}

#[test]
fn each_fault_has_its_reason() {
    for (message, expected) in [
        (Incoming { event_type: Some("cart.checked_out.v1"), ..placed() }, Reason::ForgedType),
        (
            Incoming { exchange: "", event_type: Some("orders.unheard_of.v1"), ..placed() },
            Reason::UnknownType,
        ),
        (
            Incoming { exchange: "", event_type: Some("orders.order_placed.v2"), ..placed() },
            Reason::UnknownVersion,
        ),
        (
            Incoming { event_type: None, routing_key: "orders.nowhere.v1", ..placed() },
            Reason::UnknownType,
        ),
        (Incoming { event_type: None, routing_key: "nowhere", ..placed() }, Reason::NoType),
        (Incoming { exchange: "", event_type: None, routing_key: "", ..placed() }, Reason::NoType),
        (Incoming { carbon_copy: true, ..placed() }, Reason::CarbonCopy),
        (Incoming { unkept_header: Some(("price", "why")), ..placed() }, Reason::UnkeptHeader),
        (Incoming { content_type: Some("text/xml"), ..placed() }, Reason::WrongContentType),
        (
            Incoming { content_type: Some("application/json; charset=latin1"), ..placed() },
            Reason::WrongContentType,
        ),
        (
            Incoming { content_type: Some("application/cloudevents-batch+json"), ..placed() },
            Reason::WrongContentType,
        ),
        (Incoming { content_encoding: Some("br"), ..placed() }, Reason::WrongContentEncoding),
        (Incoming { content_encoding: Some("gzip"), ..placed() }, Reason::WrongContentEncoding),
        (Incoming { body: b"{\"city\":\"K\xf6ln\"}", ..placed() }, Reason::NotUtf8),
        (
            Incoming { headers: HeaderSize { count: 65, bytes: 0, depth: 0 }, ..placed() },
            Reason::HeadersTooBig,
        ),
        (Incoming { app_id: Some("storefront"), ..placed() }, Reason::ForgedAppId),
        (Incoming { correlation_id: None, ..placed() }, Reason::NoCorrelationId),
        (Incoming { correlation_id: Some("17"), ..placed() }, Reason::WrongCorrelationId),
        (Incoming { correlation_id: Some("17"), ..checked_out() }, Reason::WrongCorrelationId),
    ] {
        assert_eq!(reason(&message), expected, "{message:?}");
    }
    let big = vec![b' '; Limits::default().max_body + 1];
    assert_eq!(reason(&Incoming { body: &big, ..placed() }), Reason::BodyTooBig);
}

#[test]
fn what_comes_back_from_a_retry_queue_was_put_there_by_its_reader() {
    let waited = |routing_key| Incoming {
        exchange: "route",
        routing_key,
        reader: Some("inventory"),
        ..placed()
    };
    assert_eq!(read(&waited("inventory")).expect("accepted").event_type, PLACED);
    for another in ["recommendations", "orders", PLACED.name(), ""] {
        assert_eq!(reason(&waited(another)), Reason::ForgedType, "{another}");
    }
    // An event goes through the same exchange, and is delivered as it was published.
    let event = Incoming { reader: Some("inventory"), ..placed() };
    assert_eq!(read(&event).expect("accepted").event_type, PLACED);
}

#[test]
fn a_trace_that_is_none_is_dropped() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (given, kept) in
        [(trace, Some(trace)), ("a\0b", None), ("00--", None), (&"0".repeat(55), None)]
    {
        let message = Incoming { traceparent: Some(given), ..placed() };
        assert_eq!(read(&message).expect("accepted").traceparent.as_deref(), kept);
    }
}

#[test]
fn a_saga_begins_early_enough_to_end_while_it_is_remembered() {
    let days = |days: i64| SignedDuration::from_hours(days * 24);
    let limits = Limits::default();
    assert_eq!(limits.begins_within(None), days(76));
    assert_eq!(limits.begins_within(Some(days(30))), days(46));
    assert_eq!(limits.begins_within(Some(days(80))), limits.inbox_window);
    assert_eq!(limits.begins_within(Some(SignedDuration::MAX)), limits.inbox_window);
}

#[test]
fn a_body_may_be_nested_so_deep_and_no_deeper() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deep = nested(Limits::default().max_depth);
    assert!(read(&Incoming { body: deep.as_bytes(), ..placed() }).is_ok());
    let deeper = nested(Limits::default().max_depth + 1);
    assert_eq!(reason(&Incoming { body: deeper.as_bytes(), ..placed() }), Reason::TooDeep);
}

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const CHECKED_OUT: EventType =
    EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
const PUBLISHED: EventType = EventType::plain("catalog.product_published.v1");
/// Made at 2024-12-24T06:11:16.992Z.
const SOME_ID: &str = "0193f7a0-0000-7000-8000-000000000001";

fn known(name: &str) -> Option<EventType> {
    [PLACED, CHECKED_OUT, PUBLISHED].into_iter().find(|event| event.name() == name)
}

fn soon_after() -> Timestamp {
    id::time_of(SOME_ID.parse().expect("a UUID")).expect("a time") + SignedDuration::from_secs(60)
}

fn read(message: &Incoming<'_>) -> Result<Envelope, Unacceptable> {
    Envelope::read(message, known, &Limits::default(), soon_after())
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
    let envelope = read(&placed()).expect("taken");
    assert_eq!(envelope.event_type, PLACED);
    assert_eq!(envelope.message_id.to_string(), SOME_ID);
    assert_eq!(envelope.saga_id.map(|id| id.to_string()).as_deref(), Some(SOME_ID));
}

#[test]
fn a_bare_body_on_a_known_routing_key_is_taken() {
    let envelope = read(&checked_out()).expect("taken");
    assert_eq!(envelope.event_type, CHECKED_OUT);
    assert_eq!(
        envelope.message_id,
        MessageId::derived_from_content("cart.checked_out.v1", b"{}"),
        "without a message id the content is the id"
    );
    assert_eq!(envelope.saga_id, Some(SagaId(envelope.message_id.0)));
}

#[test]
fn a_message_id_that_is_no_uuid_is_the_same_id_every_time() {
    let message = Incoming { message_id: Some("cart-17"), ..checked_out() };
    assert_eq!(read(&message).expect("taken").message_id, MessageId::derived_from_text("cart-17"));
}

#[test]
fn each_fault_has_its_reason() {
    for (message, expected) in [
        (Incoming { event_type: Some("cart.checked_out.v1"), ..placed() }, Reason::ForgedType),
        (
            Incoming { exchange: "", event_type: Some("orders.unheard_of.v1"), ..placed() },
            Reason::UnknownType,
        ),
        (Incoming { event_type: None, routing_key: "nowhere", ..placed() }, Reason::UnknownType),
        (Incoming { content_type: Some("text/xml"), ..placed() }, Reason::WrongContentType),
        (Incoming { content_encoding: Some("br"), ..placed() }, Reason::WrongContentEncoding),
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
fn a_copy_that_comes_by_another_way_is_known_by_its_type() {
    let copy = Incoming { exchange: "", routing_key: "inventory", ..placed() };
    assert_eq!(read(&copy).expect("taken").event_type, PLACED);
}

#[test]
fn a_trace_that_is_none_is_dropped() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (given, kept) in
        [(trace, Some(trace)), ("a\0b", None), ("00--", None), (&"0".repeat(55), None)]
    {
        let message = Incoming { traceparent: Some(given), ..placed() };
        assert_eq!(read(&message).expect("taken").traceparent.as_deref(), kept);
    }
}

#[test]
fn a_sentence_that_quotes_a_long_body_is_cut() {
    let error = Unacceptable::new(Reason::WrongShape, "\u{e4}".repeat(100_000));
    assert_eq!(error.detail.chars().count(), LONGEST_DETAIL + 4);
}

#[test]
fn ids_outside_of_the_windows_are_refused() {
    let at = |now| Envelope::read(&placed(), known, &Limits::default(), now);
    let made = soon_after() - SignedDuration::from_secs(60);
    let refused = |now| at(now).expect_err("refused").reason;
    assert_eq!(refused(made - SignedDuration::from_mins(6)), Reason::ClockAhead);
    assert!(at(made - SignedDuration::from_mins(4)).is_ok());
    assert!(at(made + SignedDuration::from_hours(6 * 24)).is_ok());
    assert_eq!(refused(made + SignedDuration::from_hours(8 * 24)), Reason::TooOldToDeduplicate);
    let fresh = Uuid::new_v5(&Uuid::nil(), b"fresh").to_string();
    let late = Incoming { message_id: Some(&fresh), ..placed() };
    let later = made + SignedDuration::from_hours(91 * 24);
    let error = Envelope::read(&late, known, &Limits::default(), later).expect_err("refused");
    assert_eq!(error.reason, Reason::SagaTooOld);
}

#[test]
fn a_charset_after_the_content_type_is_no_fault() {
    assert!(
        read(&Incoming { content_type: Some("application/json; charset=utf-8"), ..placed() })
            .is_ok()
    );
}

proptest! {
    #[test]
    fn whatever_comes_is_taken_or_refused_the_same_way_twice(
        routing_key in ".{0,40}",
        event_type in proptest::option::of(".{0,40}"),
        message_id in proptest::option::of(".{0,40}"),
        correlation_id in proptest::option::of(".{0,40}"),
        app_id in proptest::option::of(".{0,20}"),
        start in any::<bool>(),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let message = Incoming {
            routing_key: if start { "cart.checked_out.v1" } else { &routing_key },
            event_type: if start { None } else { event_type.as_deref() },
            message_id: message_id.as_deref(),
            correlation_id: correlation_id.as_deref(),
            app_id: app_id.as_deref(),
            body: &body,
            ..Incoming::default()
        };
        prop_assert_eq!(read(&message), read(&message));
    }
}

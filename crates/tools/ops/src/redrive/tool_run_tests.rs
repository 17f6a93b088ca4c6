//! Tests of the messages that take a dead letter's place.

use ballet_amqp::Delivery;
use ballet_amqp::headers::{ATTEMPTS, DELIVERY_COUNT, ORIGINAL_MESSAGE_ID, text_header};
use ballet_core::EventType;

use super::*;
use crate::redrive::declarations::needs_the_inbox;
use crate::redrive::filter::DeadLetterFilter;
use crate::redrive::sample::{delivered, long_string};

const OLD: &str = "01000000-0000-7000-8000-000000000000";

fn dead_letter(
    properties: BasicProperties,
    headers: &[(&str, AMQPValue)],
    body: &str,
) -> DeadLetter {
    let delivery = delivered("dead", "hotel", properties, headers);
    DeadLetter::read("hotel", Delivery { body: body.as_bytes().to_vec(), ..delivery })
}

fn run() -> ToolRun {
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let note = Note { by: "ada".to_owned(), why: Some("mended".to_owned()), at };
    ToolRun { id: Uuid::from_u128(7), note, floor: "2025-12-25T00:00:00Z".parse().expect("a time") }
}

fn header<'a>(message: &'a Publish, name: &str) -> Option<&'a str> {
    text_header(&message.properties, name)
}

fn names(message: &Publish) -> Vec<&str> {
    let headers = message.properties.headers().as_ref().expect("headers");
    headers.inner().keys().map(|name| name.as_str()).collect()
}

#[test]
fn a_redriven_message_is_the_original_with_who_when_and_why() {
    let properties = BasicProperties::default()
        .with_message_id("0fffffff-ffff-7fff-8fff-ffffffffffff".into())
        .with_type("desk.trip_booked.v1".into())
        .with_user_id("desk".into())
        .with_expiration("60000".into());
    let headers = [
        ("traceparent", long_string("00-1-2-3")),
        (DEAD_REASON, long_string("failed")),
        (DEAD_EXCHANGE, long_string("events")),
        (DEAD_ROUTING_KEY, long_string("desk.trip_booked.v1")),
        (ATTEMPTS, AMQPValue::LongUInt(3)),
        (REDRIVES, AMQPValue::LongUInt(1)),
        ("x-redriven-by", long_string("bob")),
        (DELIVERY_COUNT, AMQPValue::LongLongInt(9)),
        ("CC", long_string("elsewhere")),
    ];
    let sent = run().redriven(&dead_letter(properties, &headers, "{}"), None);
    let [note, message] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&*message.exchange, &*message.routing_key), ("", "hotel"));
    assert_eq!((&*note.exchange, &*note.routing_key), ("dead", "redriven.hotel"));
    assert_eq!(note.properties, message.properties);
    assert!(message.mandatory && note.body.is_empty());
    let kept = &message.properties;
    let id = kept.message_id().as_ref().expect("an id");
    assert_eq!(id.as_str(), "0fffffff-ffff-7fff-8fff-ffffffffffff");
    assert_eq!((kept.user_id(), kept.expiration()), (&None, &None));
    assert_eq!(
        names(message),
        [
            "traceparent",
            "x-dead-exchange",
            "x-dead-routing-key",
            "x-original-cc",
            "x-redrive-id",
            "x-redriven-at",
            "x-redriven-by",
            "x-redriven-why",
            "x-redrives"
        ]
    );
    assert_eq!(header(message, "x-redriven-by"), Some("ada"));
    assert_eq!(header(message, "x-redriven-why"), Some("mended"));
    assert_eq!(header(message, "x-redriven-at"), Some("2026-01-01T00:00:00Z"));
    let redrives = kept.headers().as_ref().and_then(|headers| headers.inner().get(REDRIVES));
    assert_eq!(redrives, Some(&AMQPValue::LongUInt(2)));
}

#[test]
fn an_id_that_is_too_old_is_replaced_always_by_the_same_one() {
    let old = || BasicProperties::default().with_message_id(OLD.into());
    let new_id = |message: &Publish| message.properties.message_id().clone().expect("an id");
    let mut first = run().redriven(&dead_letter(old(), &[], "{}"), None);
    let first = first.pop().expect("a message");
    let mut other =
        ToolRun { id: Uuid::from_u128(8), ..run() }.redriven(&dead_letter(old(), &[], "[]"), None);
    let other = other.pop().expect("a message");
    assert_eq!(new_id(&first), new_id(&other));
    assert_ne!(new_id(&first).as_str(), OLD);
    assert_eq!(header(&first, ORIGINAL_MESSAGE_ID), Some(OLD));
    // Dead again, and redriven again.
    let again = [(ORIGINAL_MESSAGE_ID, long_string(OLD))];
    let properties = BasicProperties::default().with_message_id(new_id(&first));
    let mut again = run().redriven(&dead_letter(properties, &again, "{}"), None);
    let again = again.pop().expect("a message");
    assert_eq!(new_id(&again), new_id(&first));
    assert_eq!(header(&again, ORIGINAL_MESSAGE_ID), Some(OLD));
}

#[test]
fn a_start_of_a_saga_whose_id_is_replaced_keeps_the_saga() {
    let wanted = EventType::starts_saga("agency.trip_wanted.v1");
    let kind = ballet_core::StepKind::Compensatable;
    let step = ballet_core::StepPart::new("accept_trip", kind, vec![wanted], wanted);
    let saga = ballet_core::SagaPart::new("trip", "hotel", vec![step]);
    let part = Part { service: "hotel", sagas: vec![saga], ..Part::default() };
    let properties =
        BasicProperties::default().with_message_id(OLD.into()).with_type(wanted.name().into());
    let old = dead_letter(properties, &[], "{}");
    let correlation = |part: Option<&Part>| {
        let message = run().redriven(&old, part).pop().expect("a message");
        message.properties.correlation_id().as_ref().map(ToString::to_string)
    };
    assert_eq!(correlation(Some(&part)).as_deref(), Some(OLD));
    assert_eq!(correlation(None), None);
    let of_saga = DeadLetterFilter { saga: Some(OLD.to_owned()), ..DeadLetterFilter::default() };
    assert!(of_saga.matches(&old), "it begins that saga");
    let properties =
        BasicProperties::default().with_message_id(OLD.into()).with_type(wanted.name().into());
    let named = "0fffffff-ffff-7fff-8fff-ffffffffffff";
    let event = dead_letter(properties, &[("cloudEvents:correlationid", long_string(named))], "{}");
    assert_eq!(event.saga.as_deref(), Some(named));
    let message = run().redriven(&event, Some(&part)).pop().expect("a message");
    assert_eq!(*message.properties.correlation_id(), None);
    let properties = BasicProperties::default().with_correlation_id(named.to_uppercase().into());
    let shouted = dead_letter(properties, &[], "{}");
    assert_eq!(shouted.saga.as_deref(), Some(named), "it is the same saga");
    assert!(!needs_the_inbox(Some(&part), &old), "the ledger knows");
    assert!(needs_the_inbox(None, &old), "nobody can tell");
    let followed = ballet_core::SubscriptionPart { name: "trips", on: wanted };
    let part = Part { subscriptions: vec![followed], ..part };
    assert!(needs_the_inbox(Some(&part), &old), "a subscription has no ledger");
}

#[test]
fn an_edited_letter_keeps_its_reason_and_the_journal_gets_the_old_body() {
    let headers = [
        (DEAD_REASON, long_string("wrong_shape")),
        (DEAD_EXCHANGE, long_string("events")),
        (DEAD_ROUTING_KEY, long_string("a.b.v1")),
        (DEAD_AT, long_string("2026-01-01T00:00:00Z")),
    ];
    let dead_letter = dead_letter(BasicProperties::default(), &headers, "{}");
    assert_eq!(dead_letter.event_type.as_deref(), Some("a.b.v1"));
    let message = run().redriven(&dead_letter, None).pop().expect("a message");
    assert_eq!(message.properties.kind().as_ref().map(|kind| kind.as_str()), Some("a.b.v1"));
    let edited = run().edited(&dead_letter, &Bytes::from_static(b"[]"));
    assert_eq!((&*edited[0].routing_key, &edited[0].body[..]), ("edited.hotel", &b"{}"[..]));
    assert_eq!((&*edited[1].routing_key, &edited[1].body[..]), ("hotel", &b"[]"[..]));
    assert_eq!(header(&edited[1], DEAD_REASON), Some("wrong_shape"));
    assert_eq!(header(&edited[1], DEAD_AT), Some("2026-01-01T00:00:00Z"));
    assert_eq!(header(&edited[1], "x-edited-by"), Some("ada"));
    assert_eq!(edited[1].properties.message_id(), message.properties.message_id());
}

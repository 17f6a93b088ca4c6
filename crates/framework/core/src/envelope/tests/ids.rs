//! The ids of messages, and the times that they tell.

use super::*;

#[test]
fn ids_of_the_future_are_refused() {
    let at = |now| Envelope::read(&placed(), &known(), &Limits::default(), now);
    let made = soon_after() - SignedDuration::from_secs(60);
    let refused = |now| at(now).expect_err("refused").reason;
    assert_eq!(refused(made - SignedDuration::from_mins(6)), Reason::ClockAhead);
    assert!(at(made - SignedDuration::from_mins(4)).is_ok());
    assert!(at(made + SignedDuration::from_hours(6 * 24)).is_ok());
    // Whether the message or its saga is forgotten is for inbox and ledger to say.
    assert!(at(made + SignedDuration::from_hours(91 * 24)).is_ok());
}

#[test]
fn the_id_of_a_message_needs_no_clock() {
    let limits = Limits::default();
    let old = "0193f000-0000-7000-8000-000000000001";
    let wrapped = format!(
        r#"{{"specversion":"1.0","id":"{SOME_ID}","source":"/o","type":"orders.order_placed.v1"}}"#
    );
    let mut attributes = Attributes::default();
    attributes.add("id", SOME_ID);
    let in_saga = Incoming { message_id: None, correlation_id: Some(old), ..placed() };
    for message in [
        placed(),
        Incoming { message_id: Some("7"), ..placed() },
        Incoming { event_type: None, ..in_saga.clone() },
        Incoming { attributes, ..in_saga.clone() },
        Incoming {
            content_type: Some("application/cloudevents+json"),
            body: wrapped.as_bytes(),
            ..in_saga.clone()
        },
        in_saga,
    ] {
        let id = Envelope::message_id_of(&message, &limits);
        assert_eq!(id, read(&message).expect("accepted").message_id);
    }
    // A refused message has an id too.
    let unknown = Incoming { event_type: Some("a.b.v1"), message_id: None, ..placed() };
    assert_eq!(reason(&unknown), Reason::ForgedType);
    let derived = MessageId::derived_from_content("a.b.v1", Some(SOME_ID), b"{}");
    assert_eq!(Envelope::message_id_of(&unknown, &limits), derived);
}

#[test]
fn the_saga_that_a_message_names_is_the_one_that_services_read() {
    let wrapped = format!(
        r#"{{"specversion":"1.0","id":"7","source":"/o","type":"orders.order_placed.v1","correlationid":"{SOME_ID}"}}"#
    );
    let mut attributes = Attributes::default();
    attributes.add("correlationid", SOME_ID);
    let unnamed = Incoming { correlation_id: Some(" "), ..placed() };
    for message in [
        Incoming { correlation_id: Some(SOME_ID), ..placed() },
        Incoming { attributes, ..unnamed.clone() },
        Incoming {
            content_type: Some("application/cloudevents+json"),
            body: wrapped.as_bytes(),
            ..unnamed.clone()
        },
    ] {
        let named = Envelope::correlation_id_of(&message, &Limits::default());
        assert_eq!(named.as_deref(), Some(SOME_ID));
        let saga = read(&message).expect("accepted").saga_id;
        assert_eq!(saga.map(|saga| saga.to_string()).as_deref(), Some(SOME_ID));
    }
    assert_eq!(Envelope::correlation_id_of(&unnamed, &Limits::default()), None);
}

#[test]
fn no_time_is_too_far_to_be_compared() {
    let never = "ffffffff-ffff-7fff-8fff-ffffffffffff";
    let at = |message: &Incoming<'_>, now| {
        Envelope::read(message, &known(), &Limits::default(), now).map(|read| read.envelope)
    };
    let message = Incoming { message_id: Some(never), correlation_id: Some(never), ..placed() };
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, soon_after()] {
        assert_eq!(at(&message, now).expect_err("refused").reason, Reason::ClockAhead);
    }
    assert!(at(&message, Timestamp::MAX).is_ok());
    assert!(at(&placed(), Timestamp::MAX).is_ok());
}

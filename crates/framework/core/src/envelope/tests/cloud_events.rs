//! CloudEvents, in the body and in headers.

use super::*;

fn structured(event: &str) -> Incoming<'_> {
    Incoming {
        content_type: Some("application/cloudevents+json"),
        routing_key: "cart.checked_out.v1",
        exchange: "events",
        body: event.as_bytes(),
        ..Incoming::default()
    }
}

#[test]
fn a_structured_cloud_event_is_split() {
    let event = format!(
        r#"{{"specversion":"1.0","id":"{SOME_ID}","source":"/shop","type":"cart.checked_out.v1",
            "time":"2024-12-24T06:11:16Z","datacontenttype":"application/json","vendor":7,
            "correlationid":"0193f7a0-0000-7000-8000-000000000002","causationid":"click-1",
            "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data":{{"lines": [1]}}}}"#
    );
    let ReceivedEvent { envelope, body } = received(&structured(&event)).expect("accepted");
    assert_eq!(envelope.event_type, CHECKED_OUT);
    assert_eq!(envelope.message_id.to_string(), SOME_ID);
    assert!(envelope.saga_id.is_some_and(|saga| saga.to_string().ends_with("02")));
    assert_eq!(envelope.causation_id.as_deref(), Some("click-1"));
    assert!(envelope.traceparent.is_some());
    assert_eq!(&*body, br#"{"lines": [1]}"#);
}

#[test]
fn what_a_structured_cloud_event_may_look_like() {
    let event = |rest: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"7","source":"/shop","type":"cart.checked_out.v1"{rest}}}"#
        )
    };
    let packed = event(r#","data_base64":"eyJhIjoxfQ==""#);
    assert_eq!(&*received(&structured(&packed)).expect("accepted").body, br#"{"a":1}"#);
    assert_eq!(&*received(&structured(&event(""))).expect("accepted").body, b"null");
    for (rest, expected) in [
        (r#","data":1,"data_base64":"MQ==""#, Reason::NotACloudEvent),
        (r#","data_base64":"?""#, Reason::NotACloudEvent),
        (r#","data_base64":"/w==""#, Reason::NotUtf8),
        (r#","id":"8""#, Reason::NotACloudEvent),
        (r#","correlationid":8"#, Reason::NotACloudEvent),
        (r#","datacontenttype":"text/xml""#, Reason::WrongContentType),
        (r#","datacontenttype":"application/cloudevents+json""#, Reason::NotACloudEvent),
        (",", Reason::NotJson),
    ] {
        assert_eq!(reason(&structured(&event(rest))), expected, "{rest}");
    }
    let foreign = event("").replace("cart.checked_out.v1", "com.example.paid");
    assert_eq!(reason(&structured(&foreign)), Reason::ForgedType);
    assert_eq!(reason(&structured(&event("").replace("1.0", "0.3"))), Reason::NotACloudEvent);
    assert_eq!(reason(&structured(r#"{"hello":1}"#)), Reason::NotACloudEvent);
    assert_eq!(reason(&structured("hello")), Reason::NotJson);
}

#[test]
fn a_binary_cloud_event_says_in_headers_what_the_properties_leave_out() {
    let saga = "0193f7a0-0000-7000-8000-000000000002";
    for prefix in ["cloudEvents_", "cloudEvents:", "ce-"] {
        let mut attributes = Attributes::default();
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", "order 7"),
            ("source", "/shop"),
            ("type", "orders.order_placed.v1"),
            ("correlationid", saga),
            ("subject", "unheard"),
        ] {
            let header = format!("{prefix}{name}");
            attributes.add(Attributes::name(&header).expect("an attribute"), value);
        }
        let bare = Incoming {
            exchange: "",
            routing_key: "inventory",
            attributes: attributes.clone(),
            body: b"{}",
            ..Incoming::default()
        };
        let envelope = read(&bare).expect("accepted");
        assert_eq!(envelope.event_type, PLACED);
        assert_eq!(envelope.message_id, MessageId::derived_from_source("/shop", "order 7"));
        assert_eq!(envelope.saga_id.map(|saga| saga.to_string()).as_deref(), Some(saga));
        // A copy carries what was derived, and means the same.
        let (id, name) = (envelope.message_id.to_string(), envelope.event_type.name());
        let copy = Incoming {
            message_id: Some(&id),
            event_type: Some(name),
            correlation_id: Some(saga),
            ..bare.clone()
        };
        assert_eq!(read(&copy).expect("accepted"), envelope);
        // Sent again under another id, it is another message.
        let again = Incoming { message_id: Some(SOME_ID), ..copy.clone() };
        assert_eq!(read(&again).expect("accepted").message_id.to_string(), SOME_ID);
        let forged = Incoming { event_type: Some("cart.checked_out.v1"), ..copy };
        assert_eq!(reason(&forged), Reason::ForgedType);
    }
    assert_eq!(Attributes::name("ce_id"), None);
}

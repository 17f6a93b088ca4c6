//! What is written is read again, and what cannot be read is told.

use proptest::prelude::*;

use super::*;
use crate::envelope::limits::HeaderSize;

const ID: &str = "0193f7a0-0000-7000-8000-000000000001";

fn of(body: &[u8]) -> Incoming<'_> {
    Incoming { content_type: Some(CONTENT_TYPE), body, ..Incoming::default() }
}

fn refusal(message: &Incoming<'_>) -> Unacceptable {
    read(message, &Limits::default(), |_, _| ()).expect_err("refused")
}

fn as_it_came(body: &str) -> bool {
    let is_so = |attributes: Option<Member<'_>>, _: &[u8]| attributes.is_none();
    let read = read(&of(body.as_bytes()), &Limits::default(), is_so).expect("a pack");
    let [one] = read[..] else { panic!("one member") };
    one
}

proptest! {
    #[test]
    fn members_come_back_as_they_were(
        members in prop::collection::vec((any::<u128>(), any::<u32>(), ".{0,40}", any::<bool>()), 1..60),
    ) {
        let written: Vec<(Member<'static>, String)> = members
            .into_iter()
            .map(|(id, second, text, has_more)| {
                let more = |text: &str| has_more.then(|| Cow::Owned(text.to_owned()));
                let member = Member {
                    id: Uuid::from_u128(id).to_string().into(),
                    source: "orders".into(),
                    r#type: "orders.order_placed.v1".into(),
                    time: Timestamp::from_second(second.into()).ok(),
                    correlationid: more(ID),
                    causationid: more(&text),
                    traceparent: more("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                    tracestate: more(&text),
                    baggage: None,
                };
                (member, serde_json::json!({ "text": text, "n": [1.5] }).to_string())
            })
            .collect();
        let pack = write(written.iter().map(|(member, event)| (member.clone(), event.as_bytes())));
        let mut expected = written.iter();
        let is_same = |attributes: Option<Member<'_>>, body: &[u8]| {
            let (written, event) = expected.next().expect("one more");
            attributes.as_ref() == Some(written) && body == event.as_bytes()
        };
        let same = read(&of(&pack), &Limits::default(), is_same).expect("a pack");
        prop_assert_eq!(same, vec![true; written.len()]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read_or_refused = read(&of(&body), &Limits::default(), |_, _| ());
    }
}

#[test]
fn what_is_no_pack_is_refused_as_a_whole() {
    for (body, reason) in [
        ("", Reason::NotJson),
        ("[1", Reason::NotJson),
        ("{}", Reason::NotAPack),
        ("[]", Reason::NotAPack),
    ] {
        assert_eq!(refusal(&of(body.as_bytes())).reason, reason, "{body}");
    }
    let many = format!("[{}1]", "1,".repeat(MOST_MEMBERS));
    assert!(refusal(&of(many.as_bytes())).detail.contains("it has 1001 members"));
    let lies = Incoming { members: Some(3), ..of(b"[1,2]") };
    assert!(refusal(&lies).detail.contains("says 3 members, and it has 2"));
    let big = vec![b' '; LEAST_LIMIT + 1];
    assert_eq!(refusal(&of(&big)).reason, Reason::BodyTooBig);
    let bytes = LEAST_LIMIT / 3;
    let limits =
        Limits { max_headers: HeaderSize { bytes, ..HeaderSize::default() }, ..Limits::default() };
    let of_headers = |body: &'static [u8]| Incoming { headers: limits.max_headers, ..of(body) };
    assert!(read(&of_headers(b"[1,2,3]"), &limits, |_, _| ()).is_ok());
    let refused = read(&of_headers(b"[1,2,3,4]"), &limits, |_, _| ()).expect_err("refused");
    assert!(refused.detail.contains("headers are too big"), "{refused}");
    let copied = Incoming { carbon_copy: true, ..of(b"[1]") };
    assert_eq!(refusal(&copied).reason, Reason::CarbonCopy);
}

#[test]
fn a_service_that_takes_small_bodies_takes_many_of_them() {
    let limits = Limits { max_body: 10, ..Limits::default() };
    assert_eq!(
        read(&of(b"[1, 2, 3, 4, 5]"), &limits, |_, _| ()).map(|members| members.len()),
        Ok(5)
    );
}

#[test]
fn a_member_that_is_no_whole_event_is_left_as_it_came() {
    let event = |rest: &str| {
        format!(
            r#"[{{"specversion":"1.0","id":"{ID}","source":"s","type":"a.b.v1","data":{{}}{rest}}}]"#
        )
    };
    assert!(!as_it_came(&event("")));
    assert!(!as_it_came(&event(r#","vendor":{"a":1},"datacontenttype":"application/json""#)));
    for body in [
        "[1]",
        "[[]]",
        &event("").replace(ID, "7"),
        &event("").replace(r#""id""#, r#""no""#),
        &event("").replace("1.0", "0.3"),
        &event("").replace("a.b.v1", &"x".repeat(300)),
        &event("").replace("{}", "null"),
        &event(r#","data_base64":"MQ==""#),
        &event(r#","time":5"#),
        &event(r#","datacontenttype":"application/cloudevents-batch+json""#),
    ] {
        assert!(as_it_came(body), "{body}");
    }
}

#[test]
fn a_pack_is_known_by_its_content_type() {
    assert!(is_pack(Some("Application/CloudEvents-Batch+JSON; charset=utf-8")));
    assert!(!is_pack(Some(MEMBER_CONTENT_TYPE)) && !is_pack(None));
}

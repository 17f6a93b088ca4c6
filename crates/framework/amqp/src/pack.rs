//! Packs on the wire: several messages of one routing key as one, and a pack as the messages that it bears.

use ballet_core::Unacceptable;
use ballet_core::envelope::Limits;
use ballet_core::envelope::pack::{self, Member};
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::headers::names::{BAGGAGE, CAUSATION_ID, MEMBERS, TRACEPARENT, TRACESTATE};
use crate::headers::value::{insert_text, integer_header, text_header};
use crate::incoming::incoming;
use crate::session::message::{Delivery, Publish};

/// Whether a message with these properties is a pack.
#[must_use]
pub fn is_pack(properties: &BasicProperties) -> bool {
    pack::is_pack(text(properties.content_type()))
}

/// The number of events in a message, as its header says. A pack without one may be full.
#[must_use]
pub fn members(properties: &BasicProperties) -> usize {
    if !is_pack(properties) {
        return 1;
    }
    let said = integer_header(properties, MEMBERS).and_then(|said| usize::try_from(said).ok());
    said.unwrap_or(pack::MEMBERS).clamp(1, pack::MOST_MEMBERS)
}

/// Returns one message that bears these events of one publisher and type.
#[must_use]
pub fn pack(first: &Publish, more: &[Publish]) -> Publish {
    let members = std::iter::once(first).chain(more);
    of_members(first, members.map(|one| (attributes(&one.properties), &*one.body)))
}

/// Returns one message that bears these members, the first of which is this message.
#[must_use]
pub fn of_members<'a>(
    first: &Publish,
    members: impl Iterator<Item = (Member<'a>, &'a [u8])>,
) -> Publish {
    let (mut count, shared) = (0, seconds(&first.properties));
    let body = pack::write(members.map(|(member, body)| {
        count += 1;
        let time = member.time.filter(|time| Some(time.as_second()) != shared);
        (Member { time, ..member }, body)
    }));
    let mut headers = FieldTable::default();
    headers.insert(MEMBERS.into(), AMQPValue::LongUInt(count));
    let properties = of_all(&first.properties)
        .with_content_type(pack::CONTENT_TYPE.into())
        .with_headers(headers);
    Publish { properties, body: body.into(), ..first.clone() }
}

fn text(property: &Option<ShortString>) -> Option<&str> {
    property.as_ref().map(ShortString::as_str)
}

fn seconds(properties: &BasicProperties) -> Option<i64> {
    properties.timestamp().and_then(|at| i64::try_from(at).ok())
}

fn attributes(properties: &BasicProperties) -> Member<'_> {
    let header = |name| text_header(properties, name).map(Into::into);
    Member {
        id: text(properties.message_id()).unwrap_or_default().into(),
        source: text(properties.app_id()).unwrap_or_default().into(),
        r#type: text(properties.kind()).unwrap_or_default().into(),
        time: seconds(properties).and_then(|seconds| Timestamp::from_second(seconds).ok()),
        correlationid: text(properties.correlation_id()).map(Into::into),
        causationid: header(CAUSATION_ID),
        traceparent: header(TRACEPARENT),
        tracestate: header(TRACESTATE),
        baggage: header(BAGGAGE),
    }
}

/// Returns the messages that a pack bears, as if each had come alone.
///
/// # Errors
///
/// If its members cannot be told apart. A member that cannot be read is a message that cannot be read.
pub fn split(
    delivery: Delivery,
    limits: &Limits,
) -> Result<Vec<Delivery>, Box<(Unacceptable, Delivery)>> {
    let Delivery { tag, redelivered, exchange, routing_key, properties, .. } = &delivery;
    let shared = of_all(properties);
    let mut headers = properties.headers().clone().unwrap_or_default().inner().clone();
    headers.remove(MEMBERS);
    let headers = FieldTable::from(headers);
    let alone = |attributes: Option<Member<'_>>, body: &[u8]| {
        let properties = match attributes {
            Some(attributes) => of_event(attributes, &shared, &headers),
            None => {
                let properties = shared.clone().with_headers(headers.clone());
                properties.with_content_type(pack::MEMBER_CONTENT_TYPE.into())
            }
        };
        let (exchange, routing_key) = (exchange.clone(), routing_key.clone());
        let (tag, redelivered, body) = (*tag, *redelivered, body.to_vec());
        Delivery { tag, redelivered, exchange, routing_key, properties, body }
    };
    let read = pack::read(&incoming(&delivery), limits, alone);
    read.map_err(|unacceptable| Box::new((unacceptable, delivery)))
}

/// Returns the messages that a pack bears, or the message itself. A pack that cannot be read stays one.
#[must_use]
pub fn members_of(delivery: Delivery) -> Vec<Delivery> {
    if !is_pack(&delivery.properties) {
        return vec![delivery];
    }
    split(delivery, &Limits::of_tools()).unwrap_or_else(|refused| vec![refused.1])
}

/// Returns the messages that a pack was made of, if it is one that was.
#[must_use]
pub fn apart(message: &Publish) -> Vec<Publish> {
    if !is_pack(&message.properties) {
        return Vec::new();
    }
    let Publish { exchange, routing_key, mandatory, properties, body } = message.clone();
    let whole = Delivery {
        tag: 0,
        redelivered: false,
        exchange,
        routing_key,
        properties,
        body: body.into(),
    };
    let members = split(whole, &Limits::of_tools()).unwrap_or_default();
    let alone = |Delivery { exchange, routing_key, properties, body, .. }: Delivery| Publish {
        exchange,
        routing_key,
        mandatory,
        properties,
        body: body.into(),
    };
    members.into_iter().map(alone).collect()
}

/// The properties that a pack shares with its members. Its ids, if a producer gave it any, are nobody's.
fn of_all(properties: &BasicProperties) -> BasicProperties {
    let mut shared = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident => $with:ident),+ $(,)?) => {$(
            if let Some(value) = properties.$get().clone() {
                shared = shared.$with(value);
            }
        )+};
    }
    keep!(
        app_id => with_app_id,
        delivery_mode => with_delivery_mode,
        expiration => with_expiration,
        kind => with_type,
        priority => with_priority,
        reply_to => with_reply_to,
        timestamp => with_timestamp,
        user_id => with_user_id,
    );
    shared
}

fn of_event(member: Member<'_>, shared: &BasicProperties, headers: &FieldTable) -> BasicProperties {
    let mut headers = headers.clone();
    for (name, value) in [
        (CAUSATION_ID, member.causationid),
        (TRACEPARENT, member.traceparent),
        (TRACESTATE, member.tracestate),
        (BAGGAGE, member.baggage),
    ] {
        if let Some(value) = value {
            insert_text(&mut headers, name, &value);
        }
    }
    let mut properties = shared
        .clone()
        .with_content_type(ballet_core::envelope::CONTENT_TYPE.into())
        .with_message_id((*member.id).into())
        .with_type((*member.r#type).into())
        .with_headers(headers);
    if let Some(saga) = member.correlationid {
        properties = properties.with_correlation_id((*saga).into());
    }
    if let Some(at) = member.time.and_then(|time| u64::try_from(time.as_second()).ok()) {
        properties = properties.with_timestamp(at);
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u32, saga: u32, more: bool) -> Publish {
        let mut headers = FieldTable::default();
        if more {
            insert_text(&mut headers, CAUSATION_ID, "0193f7a0-0000-7000-8000-00000000000c");
            insert_text(&mut headers, TRACESTATE, "a=\"1\"");
            insert_text(&mut headers, BAGGAGE, "user=7");
        }
        let properties = BasicProperties::default()
            .with_message_id(format!("0193f7a0-0000-7000-8000-{id:012}").into())
            .with_type("orders.order_placed.v1".into())
            .with_correlation_id(format!("0193f7a0-0000-7000-8000-{saga:012}").into())
            .with_app_id("orders".into())
            .with_timestamp(1_790_000_000 + u64::from(id))
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers);
        Publish {
            exchange: "events".to_owned(),
            routing_key: "orders.order_placed.v1".to_owned(),
            mandatory: true,
            properties,
            body: format!(r#"{{ "order": {id} }}"#).into(),
        }
    }

    fn delivered(message: Publish) -> Delivery {
        let Publish { exchange, routing_key, properties, body, .. } = message;
        let body = body.into();
        Delivery { tag: 7, redelivered: true, exchange, routing_key, properties, body }
    }

    #[test]
    fn members_are_the_messages_that_were_packed() {
        let alone = [message(1, 1, true), message(2, 1, false), message(3, 2, true)];
        let packed = pack(&alone[0], &alone[1..]);
        assert_eq!((is_pack(&packed.properties), members(&packed.properties)), (true, 3));
        assert_eq!(packed.properties.message_id(), &None);
        let unsaid = packed.properties.clone().with_headers(FieldTable::default());
        assert_eq!(members(&unsaid), pack::MEMBERS);
        assert_eq!(apart(&packed), alone);
        let split = split(delivered(packed), &Limits::default()).expect("members");
        assert_eq!(split, alone.clone().map(delivered));
        assert_eq!(apart(&alone[0]), []);
        assert_eq!(members(&alone[0].properties), 1);
    }

    #[test]
    fn an_id_of_the_pack_is_no_id_of_its_members() {
        let mut packed = pack(&message(1, 1, false), &[]);
        packed.properties = packed.properties.with_message_id("7".into()).with_user_id("u".into());
        packed.body = r#"[{"no": "event"}]"#.into();
        let split = split(delivered(packed), &Limits::default()).expect("members");
        let [one] = &split[..] else { panic!("one") };
        assert_eq!(one.properties.message_id(), &None);
        assert_eq!(one.properties.user_id(), &Some("u".into()));
        assert_eq!(&*one.body, br#"{"no": "event"}"#);
    }

    #[test]
    fn a_pack_that_cannot_be_read_stays_whole() {
        let mut packed = pack(&message(1, 1, false), &[]);
        packed.body = "[1, 2]".into();
        let whole = delivered(packed);
        let refused = split(whole.clone(), &Limits::default()).expect_err("refused");
        assert_eq!(refused.1, whole);
        assert!(refused.0.detail.contains("says 1 members, and it has 2"), "{}", refused.0);
    }
}

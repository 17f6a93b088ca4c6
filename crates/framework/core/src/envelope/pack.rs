//! A pack: several events of one type in one message, in CloudEvents' JSON batch format.
//!
//! A member says as attributes what a message of its own says as properties and headers:
//!
//! | attribute | stands for |
//! |---|---|
//! | `id`, `type`, `source`, `time` | `message_id`, `type`, `app_id`, `timestamp` |
//! | `correlationid`, `causationid`, `traceparent`, `tracestate`, `baggage` | the property or header of that name |
//!
//! A pack is only how messages travel: everybody who gets one handles its members.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::envelope::blank::is_blank;
use crate::envelope::body::check_body;
use crate::envelope::body::{self, BodyForm, media_type};
use crate::envelope::check_form;
use crate::envelope::incoming::Incoming;
use crate::envelope::limits::Limits;
use crate::envelope::unacceptable::{Reason, Unacceptable};

/// The content type of a pack.
pub const CONTENT_TYPE: &str = body::BATCH;
/// The content type of a member that travels alone and as it is.
pub const MEMBER_CONTENT_TYPE: &str = body::STRUCTURED;

/// The maximum number of members in a pack that is written.
pub const MEMBERS: usize = 250;
/// The maximum number of body bytes of the members in a pack that is written.
pub const BYTES: usize = 128 * 1024;
/// The maximum number of members in a pack that is read.
pub const MOST_MEMBERS: usize = 1000;

/// The maximum number of body bytes of a pack, if a member alone may not be bigger. A service that takes small bodies
/// takes many of them, with their attributes.
const LEAST_LIMIT: usize = 2 * 1024 * 1024;

const VERSION: &str = "1.0";
/// The most bytes in a property.
const LONGEST: usize = 255;

/// The attributes of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Member<'a> {
    /// The message id.
    pub id: Cow<'a, str>,
    /// The publisher.
    pub source: Cow<'a, str>,
    /// The event's name.
    pub r#type: Cow<'a, str>,
    /// The time in seconds. Without it, it is that of the pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The saga's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<Cow<'a, str>>,
    /// The id of the message that caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<Cow<'a, str>>,
    /// The W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Cow<'a, str>>,
    /// The W3C `tracestate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<Cow<'a, str>>,
    /// The W3C baggage of the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baggage: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow)]
    specversion: Text<'a>,
    id: Text<'a>,
    source: Text<'a>,
    r#type: Text<'a>,
    time: Option<Timestamp>,
    datacontenttype: Option<Text<'a>>,
    correlationid: Option<Text<'a>>,
    causationid: Option<Text<'a>>,
    traceparent: Option<Text<'a>>,
    tracestate: Option<Text<'a>>,
    baggage: Option<Text<'a>>,
    data: Option<&'a RawValue>,
    data_base64: Option<IgnoredAny>,
}

/// A text that is not copied, unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether a message of this content type is a pack.
#[must_use]
pub fn is_pack(content_type: Option<&str>) -> bool {
    media_type(content_type.unwrap_or_default()).eq_ignore_ascii_case(CONTENT_TYPE)
}

/// Writes the members, each with its event as JSON.
#[must_use]
pub fn write<'a>(members: impl IntoIterator<Item = (Member<'a>, &'a [u8])>) -> Vec<u8> {
    let mut pack = b"[".to_vec();
    for (member, event) in members {
        if pack.len() > 1 {
            pack.push(b',');
        }
        pack.extend_from_slice(br#"{"specversion":"1.0""#);
        let attributes = pack.len();
        // Nothing in them cannot be written.
        serde_json::to_writer(&mut pack, &member).ok();
        // The others follow the first one, and not its brackets.
        if let Some(bracket) = pack.get_mut(attributes) {
            *bracket = b',';
        }
        pack.pop();
        pack.extend_from_slice(br#","data":"#);
        pack.extend_from_slice(event);
        pack.push(b'}');
    }
    pack.push(b']');
    pack
}

/// Reads the members of a pack, and returns what is made of each: its attributes, and the event as the body of a
/// message of its own. Without attributes the body is the whole member, a CloudEvent that is read, or refused, by itself.
///
/// # Errors
///
/// The reason for which the pack as a whole is refused. What is wrong with one member is found when that is read.
pub fn read<T>(
    message: &Incoming<'_>,
    limits: &Limits,
    mut made: impl FnMut(Option<Member<'_>>, &[u8]) -> T,
) -> Result<Vec<T>, Unacceptable> {
    check_form(message, limits)?;
    // How deep an event is nested is looked at when it is read.
    let max_body = limits.max_body.max(LEAST_LIMIT);
    let limits = Limits { max_body, max_depth: usize::MAX, ..*limits };
    check_body(message.body, message.content_encoding, &limits)?;
    let members: Vec<&RawValue> = serde_json::from_slice(message.body).map_err(|error| {
        if error.is_data() { wrong(&error.to_string()) } else { Unacceptable::not_json(&error) }
    })?;
    if !(1..=MOST_MEMBERS).contains(&members.len()) {
        return Err(wrong(&format!("it has {} members", members.len())));
    }
    if let Some(said) = message.members
        && usize::try_from(said) != Ok(members.len())
    {
        let detail = format!("its header says {said} members, and it has {}", members.len());
        return Err(wrong(&detail));
    }
    // Each member gets them.
    if message.headers.bytes.saturating_mul(members.len()) > limits.max_body {
        return Err(wrong("its headers are too big for so many members"));
    }
    let made = |member: &RawValue| match member_alone(member) {
        Some((attributes, event)) => made(Some(attributes), event),
        None => made(None, member.get().as_bytes()),
    };
    Ok(members.into_iter().map(made).collect())
}

/// A member, all of which fits a message of its own.
fn member_alone(member: &RawValue) -> Option<(Member<'_>, &[u8])> {
    let read: Structured<'_> = serde_json::from_str(member.get()).ok()?;
    let form = body::form(read.datacontenttype.as_ref().map(|Text(text)| &**text));
    let fits = |Text(text): &Text<'_>| !is_blank(text) && text.len() <= LONGEST;
    let is_plain = read.specversion.0 == VERSION
        && form.is_ok_and(|form| form == BodyForm::Json)
        && read.data_base64.is_none()
        // Another id is unique only within its source, and is derived where the member is read.
        && fits(&read.id)
        && Uuid::try_parse(&read.id.0).is_ok()
        && fits(&read.r#type)
        && read.correlationid.as_ref().is_none_or(fits);
    let data = read.data.filter(|_| is_plain)?;
    let text = |Text(text)| text;
    let member = Member {
        id: read.id.0,
        source: read.source.0,
        r#type: read.r#type.0,
        time: read.time,
        correlationid: read.correlationid.map(text),
        causationid: read.causationid.map(text),
        traceparent: read.traceparent.map(text),
        tracestate: read.tracestate.map(text),
        baggage: read.baggage.map(text),
    };
    Some((member, data.get().as_bytes()))
}

fn wrong(what: &str) -> Unacceptable {
    let detail = format!(
        "the message is not a pack that can be read: {what}; send a JSON array of 1 to {MOST_MEMBERS} CloudEvents"
    );
    Unacceptable::new(Reason::NotAPack, detail)
}

#[cfg(test)]
#[path = "tests/packs.rs"]
mod tests;

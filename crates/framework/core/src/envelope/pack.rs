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
use std::fmt;

use jiff::Timestamp;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::envelope::blank::is_blank;
use crate::envelope::body::{self, BodyForm, media_type};
use crate::envelope::incoming::Incoming;
use crate::envelope::limits::Limits;
use crate::envelope::unacceptable::{Reason, Unacceptable};
use crate::envelope::body::check_body;
use crate::envelope::check_form;

/// The content type of a pack.
pub const CONTENT_TYPE: &str = body::BATCH;
/// The content type of a member that travels alone and as it is.
pub const MEMBER_CONTENT_TYPE: &str = body::STRUCTURED;

/// The maximum number of members in a pack that is written.
pub const MEMBERS: usize = 100;
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
    /// The time in seconds.
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

/// A member that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadMember {
    /// All of it fits a message of its own, with the event as its body.
    Event(Box<Member<'static>>, Vec<u8>),
    /// Anything else: a message of its own has it as its body, a CloudEvent that is read, or refused, by itself.
    AsItCame(Vec<u8>),
}

#[derive(Deserialize)]
struct Structured<'a> {
    specversion: String,
    id: String,
    source: String,
    r#type: String,
    time: Option<Timestamp>,
    datacontenttype: Option<String>,
    correlationid: Option<String>,
    causationid: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    baggage: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<IgnoredAny>,
}

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
        pack.extend_from_slice(br#"{"specversion":"1.0","#);
        let attributes = serde_json::to_vec(&member).unwrap_or_default();
        // Without its brackets.
        let inner = attributes.get(1..attributes.len().saturating_sub(1)).unwrap_or_default();
        pack.extend_from_slice(inner);
        pack.extend_from_slice(br#","data":"#);
        pack.extend_from_slice(event);
        pack.push(b'}');
    }
    pack.push(b']');
    pack
}

/// Reads the members of a pack.
///
/// # Errors
///
/// The reason for which the pack as a whole is refused. What is wrong with one member is found when that is read.
pub fn read(message: &Incoming<'_>, limits: &Limits) -> Result<Vec<ReadMember>, Unacceptable> {
    check_form(message, limits)?;
    let limits = Limits {
        max_body: limits.max_body.max(LEAST_LIMIT),
        // A member is two levels deeper than alone.
        max_depth: limits.max_depth.saturating_add(2),
        ..*limits
    };
    check_body(message.body, message.content_encoding, &limits)?;
    let Members(members) = serde_json::from_slice(message.body).map_err(|error| {
        if error.is_data() { wrong(&error.to_string()) } else { Unacceptable::not_json(&error) }
    })?;
    if members.is_empty() {
        return Err(wrong("it has no members"));
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
    Ok(members.into_iter().map(member).collect())
}

fn member(raw: &RawValue) -> ReadMember {
    let read = serde_json::from_str::<Structured<'_>>(raw.get()).ok();
    read.and_then(plain).unwrap_or_else(|| ReadMember::AsItCame(raw.get().as_bytes().to_vec()))
}

fn plain(read: Structured<'_>) -> Option<ReadMember> {
    let form = body::form(read.datacontenttype.as_deref());
    let fits = |text: &str| !is_blank(text) && text.len() <= LONGEST;
    let is_plain = read.specversion == VERSION
        && form.is_ok_and(|form| form == BodyForm::Json)
        && read.data_base64.is_none()
        // Another id is unique only within its source, and is derived where the member is read.
        && fits(&read.id)
        && Uuid::try_parse(&read.id).is_ok()
        && fits(&read.r#type)
        && read.correlationid.as_deref().is_none_or(fits);
    let data = read.data.filter(|_| is_plain)?;
    let member = Member {
        id: read.id.into(),
        source: read.source.into(),
        r#type: read.r#type.into(),
        time: read.time,
        correlationid: read.correlationid.map(Cow::Owned),
        causationid: read.causationid.map(Cow::Owned),
        traceparent: read.traceparent.map(Cow::Owned),
        tracestate: read.tracestate.map(Cow::Owned),
        baggage: read.baggage.map(Cow::Owned),
    };
    Some(ReadMember::Event(Box::new(member), data.get().as_bytes().to_vec()))
}

fn wrong(what: &str) -> Unacceptable {
    let detail = format!(
        "the message is not a pack that can be read: {what}; send a JSON array of 1 to {MOST_MEMBERS} CloudEvents"
    );
    Unacceptable::new(Reason::NotAPack, detail)
}

/// The members, of which so many may come that only a bounded number is kept.
struct Members<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of CloudEvents")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = list.next_element()? {
                    if members.len() == MOST_MEMBERS {
                        return Err(A::Error::custom("it has too many members"));
                    }
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
#[path = "tests/packs.rs"]
mod tests;

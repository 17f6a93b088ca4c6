//! CloudEvents 1.0, with the attributes in headers (binary mode) or around the event (structured
//! mode).
//!
//! | attribute | stands for |
//! |---|---|
//! | `type` | AMQP `type` |
//! | `id` with `source` | AMQP `message_id`: the id itself if it is a UUID |
//! | `correlationid` (an extension) | AMQP `correlation_id` |
//! | `causationid`, `traceparent`, `tracestate` (extensions) | the headers of that name |
//!
//! A property takes precedence over an attribute, so a message can be sent again under a new id
//! with its body and headers unchanged.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::blank::is_blank;
use crate::envelope::body::{self, BodyForm};
use crate::envelope::limits::Limits;
use crate::envelope::unacceptable::{Reason, Unacceptable};
use crate::json::in_words;

/// The prefixes of binary mode: two that the AMQP binding allows, and the one of HTTP.
const PREFIXES: [&str; 3] = ["cloudEvents_", "cloudEvents:", "ce-"];

/// The attributes of a CloudEvent that are understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) source: Option<Cow<'a, str>>,
    pub(crate) event_type: Option<Cow<'a, str>>,
    data_content_type: Option<Cow<'a, str>>,
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    pub(crate) causation_id: Option<Cow<'a, str>>,
    pub(crate) traceparent: Option<Cow<'a, str>>,
    pub(crate) tracestate: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    /// The attribute's name, if the header is an attribute.
    #[must_use]
    pub fn name(header: &str) -> Option<&str> {
        PREFIXES.iter().find_map(|prefix| header.strip_prefix(prefix))
    }

    /// Adds an attribute. Unknown, blank and repeated ones are ignored.
    pub fn add(&mut self, name: &str, value: &'a str) {
        let attribute = match name {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "datacontenttype" => &mut self.data_content_type,
            "correlationid" => &mut self.correlation_id,
            "causationid" => &mut self.causation_id,
            "traceparent" => &mut self.traceparent,
            "tracestate" => &mut self.tracestate,
            _ => return,
        };
        if !is_blank(value) {
            attribute.get_or_insert(Cow::Borrowed(value));
        }
    }

    /// Checks the attributes that are present. In binary mode none is required, because they only
    /// add to the properties.
    pub(crate) fn check(&self) -> Result<(), Unacceptable> {
        if let Some(version) = self.specversion.as_deref()
            && version != "1"
            && !version.starts_with("1.")
        {
            return Err(wrong(&format!("its specversion is {version:?}, only 1.0 is understood")));
        }
        if body::form(self.data_content_type.as_deref())? == BodyForm::CloudEvent {
            return Err(wrong("its data is another CloudEvent"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct StructuredEvent<'a> {
    specversion: String,
    id: String,
    source: String,
    r#type: String,
    datacontenttype: Option<String>,
    correlationid: Option<String>,
    causationid: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

pub(crate) fn open<'a>(
    body: &'a [u8],
    limits: &Limits,
) -> Result<(Attributes<'static>, Cow<'a, [u8]>), Unacceptable> {
    let (attributes, data) = split(body, limits)?;
    attributes.check()?;
    Ok((attributes, data))
}

fn split<'a>(
    body: &'a [u8],
    limits: &Limits,
) -> Result<(Attributes<'static>, Cow<'a, [u8]>), Unacceptable> {
    let event: StructuredEvent<'_> = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            wrong(&in_words(&error.to_string()))
        } else {
            Unacceptable::not_json(&error)
        }
    })?;
    let data = match (event.data, event.data_base64) {
        (Some(_), Some(_)) => return Err(wrong("it has both data and data_base64")),
        (Some(data), None) => Cow::Borrowed(data.get().as_bytes()),
        (None, Some(text)) => {
            let data = STANDARD.decode(&text);
            let data =
                data.map_err(|error| wrong(&format!("data_base64 is not base64: {error}")))?;
            body::check(&data, limits)?;
            Cow::Owned(data)
        }
        (None, None) => Cow::Borrowed(b"null".as_slice()),
    };
    let given = |text: String| (!is_blank(&text)).then_some(Cow::Owned(text));
    let attributes = Attributes {
        specversion: given(event.specversion),
        id: given(event.id),
        source: given(event.source),
        event_type: given(event.r#type),
        data_content_type: event.datacontenttype.and_then(given),
        correlation_id: event.correlationid.and_then(given),
        causation_id: event.causationid.and_then(given),
        traceparent: event.traceparent.and_then(given),
        tracestate: event.tracestate.and_then(given),
    };
    Ok((attributes, data))
}

fn wrong(what: &str) -> Unacceptable {
    Unacceptable::new(
        Reason::NotACloudEvent,
        format!("the message is not a CloudEvent that is understood: {what}"),
    )
}

//! Messages saved by rabtap: JSON objects, one after the other, with the body as base64.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::record::Record;
use crate::recording::line::ParsedProperties;

/// The Go zero time stands for no time.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A message in rabtap's format, which has an empty text for an absent property.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RabtapMessage {
    headers: Option<Map<String, Value>>,
    content_type: String,
    content_encoding: String,
    delivery_mode: u8,
    priority: u8,
    #[serde(rename = "CorrelationID")]
    correlation_id: String,
    reply_to: String,
    expiration: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    timestamp: String,
    r#type: String,
    #[serde(rename = "UserID")]
    user_id: String,
    #[serde(rename = "AppID")]
    app_id: String,
    exchange: String,
    routing_key: String,
    #[serde(rename = "XRabtapReceivedTimestamp")]
    received: String,
    body: Option<String>,
}

impl RabtapMessage {
    fn into_record(self) -> Result<Record, String> {
        let some = |text: String| (!text.is_empty()).then(|| text.into());
        let number = |number: u8| (number > 0).then_some(number);
        let time = |text: &str| -> Result<Option<Timestamp>, String> {
            if text.is_empty() || text == NO_TIME {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|error| format!("`{text}` is no time: {error}"))
        };
        let received = time(&self.received)?;
        let sent = time(&self.timestamp)?.map(Timestamp::as_second);
        let body = self.body.ok_or("it has no `Body`")?;
        let body = STANDARD.decode(body);
        let body = body.map_err(|error| format!("`Body` is not base64: {error}"))?;
        let properties = ParsedProperties {
            message_id: some(self.message_id),
            kind: some(self.r#type),
            correlation_id: some(self.correlation_id),
            app_id: some(self.app_id),
            timestamp: sent.and_then(|second| u64::try_from(second).ok()),
            content_type: some(self.content_type),
            content_encoding: some(self.content_encoding),
            delivery_mode: number(self.delivery_mode),
            priority: number(self.priority),
            reply_to: some(self.reply_to),
            expiration: some(self.expiration),
            user_id: some(self.user_id),
            headers: self.headers.map(Into::into),
            ..ParsedProperties::default()
        };
        let mut record = Record {
            offset: None,
            time: None,
            exchange: self.exchange,
            routing_key: self.routing_key,
            properties: properties.into_basic()?,
            body,
        };
        record.time = record.made_at().or(received);
        Ok(record)
    }
}

/// The reason why a message cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct RabtapError {
    /// The number of the line, if the file is not JSON there.
    pub(crate) line: Option<u64>,
    pub(crate) reason: String,
    /// Whether the file just ends.
    pub(crate) is_cut: bool,
}

/// Reads the messages of a file.
pub(crate) fn file(
    from: impl BufRead + Send,
) -> impl Iterator<Item = Result<Record, RabtapError>> + Send {
    let all = serde_json::Deserializer::from_reader(from).into_iter::<RabtapMessage>();
    all.enumerate().map(|(at, saved)| match saved {
        Ok(saved) => saved.into_record().map_err(|reason| {
            let reason = format!("message {}: {reason}", at + 1);
            RabtapError { line: None, reason, is_cut: false }
        }),
        Err(error) => Err(RabtapError {
            line: Some(error.line() as u64),
            reason: error.to_string(),
            is_cut: error.is_eof(),
        }),
    })
}

/// Reads the messages of a folder: one file for each, named after its time. The body is in it, or in a file beside
/// it.
pub(crate) fn folder(
    folder: &Path,
) -> io::Result<impl Iterator<Item = Result<Record, RabtapError>> + Send + use<>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.into_iter().map(|path| {
        in_folder(&path).map_err(|reason| {
            let reason = format!("{}: {reason}", path.display());
            RabtapError { line: None, reason, is_cut: false }
        })
    }))
}

fn in_folder(path: &PathBuf) -> Result<Record, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let saved: RabtapMessage = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut record = saved.into_record()?;
    if record.body.is_empty() {
        match std::fs::read(path.with_extension("dat")) {
            Ok(body) => record.body = body,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("its body: {error}")),
        }
    }
    Ok(record)
}

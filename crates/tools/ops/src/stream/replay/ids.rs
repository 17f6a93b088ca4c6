//! New ids for old ones: one new id for all places of the old one, in the same order.

use ballet_amqp::{AMQPValue, FieldTable, ShortString};
use ballet_core::envelope::is_blank;
use ballet_core::id::is_timed;
use uuid::Uuid;

use crate::stream::record::Record;
use crate::stream::replay::survey::Survey;

const LENGTH: usize = 36;
const TIME_BITS: u32 = 48;

/// Replaces the ids of a recording. A new id is a function of the old one, so none is stored.
#[derive(Debug)]
pub struct NewIds {
    survey: Survey,
    /// The number of milliseconds that a version 7 id is moved ahead. Its other digits stay, and so does the order.
    later: i64,
    run: Uuid,
}

impl NewIds {
    /// `later` are milliseconds. `run` makes the ids without a time.
    #[must_use]
    pub fn new(mut survey: Survey, later: i64, run: Uuid) -> Self {
        survey.sort();
        Self { survey, later, run }
    }

    /// Returns the new id.
    #[must_use]
    pub fn of(&self, old: Uuid) -> Uuid {
        if !is_timed(old) {
            return Uuid::new_v5(&self.run, old.as_bytes());
        }
        let bits = old.as_u128();
        let millis = i64::try_from(bits >> (128 - TIME_BITS)).unwrap_or_default();
        let millis = u64::try_from(millis.saturating_add(self.later)).unwrap_or_default();
        let most = (1_u64 << TIME_BITS) - 1;
        let rest = bits & ((1_u128 << (128 - TIME_BITS)) - 1);
        Uuid::from_u128((u128::from(millis.min(most)) << (128 - TIME_BITS)) | rest)
    }

    /// Replaces the record's ids: in its properties, and in its headers and body those of the recording's messages,
    /// sagas and made keys.
    pub fn replace(&self, record: &mut Record) {
        // A message without an id gets one as well, since its effects name the derived id.
        let message = ShortString::from(self.of(record.known_as()).to_string());
        let mut properties = std::mem::take(&mut record.properties).with_message_id(message);
        let headers = properties.headers().as_ref().map(|headers| self.in_headers(headers));
        let saga = properties.correlation_id().as_ref().map(ShortString::as_str);
        if let Some(saga) = saga.filter(|saga| !is_blank(saga)) {
            let new = match Uuid::try_parse(saga) {
                Ok(saga) => self.of(saga),
                Err(_) => Uuid::new_v5(&self.run, saga.as_bytes()),
            };
            properties = properties.with_correlation_id(new.to_string().into());
        }
        if let Some(headers) = headers {
            properties = properties.with_headers(headers);
        }
        record.properties = properties;
        self.in_text(&mut record.body);
    }

    fn in_headers(&self, headers: &FieldTable) -> FieldTable {
        let mut replaced = FieldTable::default();
        for (name, value) in headers.inner() {
            let value = match value {
                AMQPValue::LongString(text) => {
                    let mut text = text.as_bytes().to_vec();
                    self.in_text(&mut text);
                    AMQPValue::LongString(text.into())
                }
                other => other.clone(),
            };
            replaced.insert(name.clone(), value);
        }
        replaced
    }

    /// In place, as a new id is as long as the old one.
    fn in_text(&self, text: &mut [u8]) {
        let mut at = 0;
        while at + LENGTH <= text.len() {
            // The first dash nearly always decides.
            if text[at + 8] != b'-' {
                at += 1;
                continue;
            }
            let found = std::str::from_utf8(&text[at..at + LENGTH]).ok();
            let found = found.and_then(|found| Uuid::try_parse(found).ok());
            match found.filter(|id| self.survey.knows(*id)) {
                Some(id) => {
                    let new = self.of(id).hyphenated().to_string();
                    text[at..at + LENGTH].copy_from_slice(new.as_bytes());
                    at += LENGTH;
                }
                None => at += 1,
            }
        }
    }
}

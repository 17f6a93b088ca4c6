//! The answer of an API: what its status says, and its body.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::no_answer::NoAnswer;

/// The longest text of the other side that is quoted, in characters.
const LONGEST_DETAIL: usize = 200;

/// A whole answer: the request is done, or it is refused.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiAnswer {
    status: StatusCode,
    body: Bytes,
    /// Our key at the API, which no text may show.
    secret: String,
}

impl ApiAnswer {
    /// An answer with this status and body, for tests of what reads it.
    #[must_use]
    pub fn of(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), secret: String::new() }
    }

    /// Returns the answer if its status says that it is one. Errors do not quote `secret`.
    pub(super) fn judged(
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
        secret: &str,
    ) -> Result<Self, NoAnswer> {
        let after = retry_after(headers);
        match status {
            StatusCode::ACCEPTED => Err(NoAnswer::NotYet { after }),
            StatusCode::TOO_MANY_REQUESTS => Err(NoAnswer::TooMany { after }),
            StatusCode::REQUEST_TIMEOUT => Err(NoAnswer::Unavailable { status: 408, after }),
            _ if status.is_success() || status.is_client_error() => {
                Ok(Self { status, body, secret: secret.to_owned() })
            }
            _ => Err(NoAnswer::Unavailable { status: status.as_u16(), after }),
        }
    }

    /// Its status: a success other than 202, or an error of ours other than 408 and 429.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Reads the JSON of a success.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::Refused`] if the status is none, [`NoAnswer::NotUnderstood`] if the body has another form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, NoAnswer> {
        if self.status.is_success() { self.json() } else { Err(self.refused()) }
    }

    /// Reads the JSON whatever the status is, for an API whose refusals have a status of their own.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::NotUnderstood`] if the body has another form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NoAnswer> {
        serde_json::from_slice(&self.body)
            .map_err(|error| NoAnswer::NotUnderstood(self.shown(&error.to_string())))
    }

    /// Returns the refusal of a request that is at fault, with the explanation of the other side.
    #[must_use]
    pub fn refused(&self) -> NoAnswer {
        let text = String::from_utf8_lossy(&self.body);
        let value: Option<Value> = serde_json::from_str(&text).ok();
        let said = value.as_ref().and_then(|value| {
            ["detail", "message", "error"].iter().find_map(|name| value.get(name)?.as_str())
        });
        let detail = self.shown(said.unwrap_or_default());
        NoAnswer::Refused { status: self.status.as_u16(), detail }
    }

    /// Makes a text of the other side safe to show.
    fn shown(&self, text: &str) -> String {
        let text = match &*self.secret {
            "" => text.to_owned(),
            secret => text.replace(secret, "***"),
        };
        text.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect()
    }
}

impl fmt::Debug for ApiAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiAnswer").field(&self.status).finish()
    }
}

/// Returns the number of seconds to wait. A date would need the other side's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = ApiAnswer::judged(status, &map, body, "s3cret");
        match answer.and_then(|answer| answer.read::<Value>()) {
            Ok(_) => "an answer".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_status_says_whose_turn_it_is() {
        let wait = [("retry-after", "120")];
        for (status, said) in [
            (200, "an answer"),
            (201, "an answer"),
            (202, "NotYet { after: Some(120s) }"),
            (429, "TooMany { after: Some(120s) }"),
            (408, "Unavailable { status: 408, after: Some(120s) }"),
            (500, "Unavailable { status: 500, after: Some(120s) }"),
            (302, "Unavailable { status: 302, after: Some(120s) }"),
            (402, r#"Refused { status: 402, detail: "" }"#),
        ] {
            assert_eq!(judged(status, &wait, "{}"), said);
        }
        assert_eq!(
            judged(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], ""),
            "Unavailable { status: 503, after: None }"
        );
    }

    #[test]
    fn no_text_shows_our_key() {
        let said = judged(401, &[], r#"{"detail":"s3cret is no key\n"}"#);
        assert_eq!(said, r#"Refused { status: 401, detail: "*** is no key" }"#);
        let answer = ApiAnswer {
            secret: "s3cret".to_owned(),
            ..ApiAnswer::of(StatusCode::OK, "\"s3cret\"")
        };
        let said = format!("{:?} {answer:?}", answer.json::<u8>());
        assert!(said.contains("***") && !said.contains("s3cret"), "{said}");
        assert_eq!(judged(200, &[], "<html>").split('(').next(), Some("NotUnderstood"));
    }
}

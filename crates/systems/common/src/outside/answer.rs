use std::time::Duration;

use ballet::calls::CallKey;
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::outside::no_answer::NoAnswer;

/// The maximum length of a quoted text, in characters.
const LONGEST_DETAIL: usize = 200;

/// The member of an operation that identifies its request.
#[derive(Deserialize)]
struct OperationKey {
    idempotency_key: String,
}

impl OperationKey {
    fn is(&self, key: CallKey) -> bool {
        self.idempotency_key.eq_ignore_ascii_case(&key.to_string())
    }
}

/// Errors do not quote `secret`.
pub(crate) fn operation<T: DeserializeOwned>(
    key: CallKey,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
    secret: &str,
) -> Result<T, NoAnswer> {
    let after = retry_after(headers);
    match status {
        // A refusal by the card's bank has its own status.
        StatusCode::OK | StatusCode::CREATED | StatusCode::PAYMENT_REQUIRED => {
            read(key, body, secret)
        }
        StatusCode::ACCEPTED => Err(NoAnswer::NotYet { after }),
        StatusCode::TOO_MANY_REQUESTS => Err(NoAnswer::TooMany { after }),
        StatusCode::REQUEST_TIMEOUT => Err(NoAnswer::Unavailable { status: 408, after }),
        _ if status.is_client_error() => {
            Err(NoAnswer::Refused { status: status.as_u16(), detail: detail(body, secret) })
        }
        _ => Err(NoAnswer::Unavailable { status: status.as_u16(), after }),
    }
}

/// A server in between may answer in JSON, but knows no key.
pub(crate) fn names(key: CallKey, body: &Bytes) -> bool {
    serde_json::from_slice(body).is_ok_and(|operation: OperationKey| operation.is(key))
}

fn read<T: DeserializeOwned>(key: CallKey, body: &Bytes, secret: &str) -> Result<T, NoAnswer> {
    let garbage =
        |error: serde_json::Error| NoAnswer::NotUnderstood(without(secret, &error.to_string()));
    let operation: OperationKey = serde_json::from_slice(body).map_err(garbage)?;
    if !operation.is(key) {
        return Err(NoAnswer::Foreign(format!("we asked under the key {key}")));
    }
    serde_json::from_slice(body).map_err(garbage)
}

/// Returns seconds. A date would need the other side's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns the text without anything that must not be logged.
fn detail(body: &Bytes, secret: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let said = value.as_ref().and_then(|value| {
        ["detail", "message", "error"].iter().find_map(|name| value.get(name)?.as_str())
    });
    without(secret, said.unwrap_or_default())
}

fn without(secret: &str, text: &str) -> String {
    let text = text.replace(secret, "***");
    text.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const KEY: CallKey = CallKey(Uuid::from_u128(7));

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        let body = Bytes::copy_from_slice(body.as_bytes());
        match operation::<Value>(KEY, status, &map, &body, "s3cret") {
            Ok(_) => "ours".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn an_answer_counts_only_under_its_own_key() {
        let ours = format!(r#"{{"idempotency_key":"{KEY}"}}"#);
        for status in [200, 201, 402] {
            assert_eq!(judged(status, &[], &ours), "ours");
        }
        let other = format!(r#"{{"idempotency_key":"{}"}}"#, Uuid::from_u128(8));
        assert!(judged(200, &[], &other).starts_with("Foreign"));
        assert!(judged(402, &[], &other).starts_with("Foreign"));
        for garbage in ["", "<html>", "[]", "{}", r#"{"idempotency_key":7}"#] {
            assert!(judged(200, &[], garbage).starts_with("NotUnderstood"), "{garbage}");
        }
    }

    #[test]
    fn a_status_says_whose_turn_it_is() {
        let wait = [("retry-after", "120")];
        for (status, said) in [
            (202, "NotYet { after: Some(120s) }"),
            (429, "TooMany { after: Some(120s) }"),
            (500, "Unavailable { status: 500, after: Some(120s) }"),
            (302, "Unavailable { status: 302, after: Some(120s) }"),
        ] {
            assert_eq!(judged(status, &wait, "{}"), said);
        }
        assert_eq!(
            judged(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], ""),
            "Unavailable { status: 503, after: None }"
        );
        let said = judged(200, &[], r#"{"idempotency_key":7,"idempotency_key":"s3cret"}"#);
        assert!(said.starts_with("NotUnderstood") && !said.contains("s3cret"), "{said}");
        let said = judged(401, &[], r#"{"detail":"s3cret is no key\n"}"#);
        assert_eq!(said, r#"Refused { status: 401, detail: "*** is no key" }"#);
    }
}

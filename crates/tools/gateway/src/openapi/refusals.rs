//! The gateway's own answers in the document.

use serde_json::{Map, Value, json};

use crate::config::file::{Config, IdempotencyKey};
use crate::config::units::ByteSize;
use crate::openapi::components::{LIMIT, POLICY, PROBLEM, REQUEST_ID};

pub(crate) const RETRY_AFTER: &str = "Retry-After";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Demands {
    /// Only for clients that sign in, and whether these need scopes.
    pub(crate) sign_in: bool,
    pub(crate) scopes: bool,
    pub(crate) rate: bool,
    pub(crate) body: Option<ByteSize>,
    pub(crate) idempotency: IdempotencyKey,
}

/// Adds the gateway's own answers to those of the service, and its headers to all answers.
pub(crate) fn add(config: &Config, demands: Demands, responses: &mut Map<String, Value>) {
    refusals(config, demands, responses);
    headers(demands.rate, responses);
}

fn refusals(config: &Config, demands: Demands, responses: &mut Map<String, Value>) {
    let signs_in = config.jwt.is_some() || !config.api_keys.is_empty();
    let keyed = demands.idempotency != IdempotencyKey::Off;
    let limits = &config.limits;
    let body = demands.body.map(|most| format!("The gateway takes a body of at most {most}."));
    let uri = format!("The address is longer than {}.", limits.uri);
    let headers = format!(
        "There are more than {} headers, or they are larger than {}.",
        limits.headers, limits.header_bytes
    );
    let all = [
        (true, 400, "The address or a header is malformed."),
        (demands.sign_in, 401, "The request has no credentials, or they do not count."),
        (!demands.sign_in && signs_in, 401, "The request has credentials that do not count."),
        (demands.scopes, 403, "The credentials lack a scope."),
        (body.is_some(), 408, "The body did not come in time."),
        (
            keyed,
            409,
            "The request with this `Idempotency-Key` is running, or its outcome is unknown.",
        ),
        (body.is_some(), 413, body.as_deref().unwrap_or_default()),
        (true, 414, &uri),
        (body.is_some(), 415, "The body is packed (`Content-Encoding`)."),
        (keyed, 422, "The `Idempotency-Key` was used for another request."),
        (demands.rate, 429, "The client has used up its limit, or failed to sign in too often."),
        (!demands.rate && signs_in, 429, "The client has failed to sign in too often."),
        (true, 431, &headers),
        (true, 500, "The service or the gateway failed: its log has the request's id."),
        (
            true,
            502,
            "The service broke off before it answered. What changes something may have taken \
             effect: look before you send it again.",
        ),
        (
            true,
            503,
            "The service, or what the gateway needs for this request, is away for a moment: try \
             again after `Retry-After`. The sentence says whether anything was sent.",
        ),
        (
            true,
            504,
            "The service did not answer in time. What changes something may have taken effect: look \
             before you send it again. What may be sent again at once has `Retry-After`.",
        ),
    ];
    for (_, status, when) in all.into_iter().filter(|(answered, ..)| *answered) {
        refuse(responses, status, when);
        let described =
            |text: &str, schema: Value| json!({ "description": text, "schema": schema });
        let text = || json!({ "type": "string" });
        if matches!(status, 409 | 429 | 503 | 504) {
            let seconds = json!({ "type": "integer", "minimum": 0 });
            let wait = described("The seconds to wait before the next try.", seconds);
            header(responses, status, RETRY_AFTER, wait);
        }
        if status == 415 {
            let taken = described("`identity`, if the body was packed.", text());
            header(responses, status, "Accept-Encoding", taken);
        }
        if status == 401 {
            let wrong = described("What is wrong with the credentials (RFC 6750).", text());
            header(responses, status, "WWW-Authenticate", wrong);
        }
    }
}

/// A refusal before the rate is judged has no headers of it, so only good answers and 429 do.
fn headers(has_rate: bool, responses: &mut Map<String, Value>) {
    for (status, answer) in responses.iter_mut() {
        let is_limited = has_rate && (status.starts_with('2') || status == "429");
        let names = [(true, REQUEST_ID), (is_limited, LIMIT), (is_limited, POLICY)];
        for (_, name) in names.into_iter().filter(|(has_it, _)| *has_it) {
            let place = json!({ "$ref": format!("#/components/headers/{name}") });
            *field_mut(field_mut(answer, "headers"), name) = place;
        }
    }
}

pub(crate) fn header(responses: &mut Map<String, Value>, status: u16, name: &str, header: Value) {
    let answer = responses.entry(status.to_string()).or_insert(Value::Null);
    *field_mut(field_mut(answer, "headers"), name) = header;
}

/// A status that the service also answers gets both reasons.
pub(crate) fn refuse(responses: &mut Map<String, Value>, status: u16, when: &str) {
    let problem = json!({ "$ref": PROBLEM });
    let answer = responses.entry(status.to_string()).or_insert(Value::Null);
    let both = match answer["description"].as_str() {
        None | Some("") => when.to_owned(),
        Some(before) if before.contains(when) => before.to_owned(),
        Some(before) => format!("{before} {when}"),
    };
    *field_mut(answer, "description") = both.into();
    let media = field_mut(field_mut(answer, "content"), "application/problem+json");
    let schema = field_mut(media, "schema");
    if schema.is_null() {
        *schema = problem;
    } else if *schema != problem {
        *schema = json!({ "anyOf": [schema.take(), problem] });
    }
}

/// A value that is no object becomes one.
pub(crate) fn field_mut<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    &mut value[name]
}

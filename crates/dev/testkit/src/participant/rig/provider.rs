//! The provider that a participant calls: the requests it received, their effects, and its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::participant::contract::{ProviderCall, ProviderCalls};

const KEY: &str = "{key}";
const HEADER: &str = "idempotency-key";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProviderMode {
    Answers,
    /// Answers 503, and does nothing.
    Away,
    /// Does what is asked, but a proxy in front answers 504.
    Loses,
    /// Does what is asked, but never answers.
    Silent,
    /// Does nothing until the mode changes.
    Waits,
}

/// An HTTP server that acts once for each key.
#[derive(Debug, Clone)]
pub(crate) struct TestProvider {
    url: String,
    shared: Arc<ProviderState>,
}

#[derive(Debug)]
struct ProviderState {
    calls: ProviderCalls,
    mode: watch::Sender<ProviderMode>,
    asked: Mutex<Vec<ReceivedRequest>>,
    /// The sagas whose step it refuses.
    refused: Mutex<Vec<Uuid>>,
}

#[derive(Debug, Clone, Default)]
struct ReceivedRequest {
    /// The request by method and path.
    request: String,
    compensates: bool,
    key: String,
    /// It contains the saga's id.
    text: String,
    done: bool,
}

impl TestProvider {
    pub(crate) async fn start(calls: &ProviderCalls) -> std::io::Result<Self> {
        let shared = Arc::new(ProviderState {
            calls: calls.clone(),
            mode: watch::Sender::new(ProviderMode::Answers),
            asked: Mutex::default(),
            refused: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, shared })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set(&self, mode: ProviderMode) {
        self.shared.mode.send_replace(mode);
    }

    pub(crate) fn refuse(&self, saga: Uuid) {
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).push(saga);
    }

    pub(crate) fn was_asked(&self, saga: Uuid) -> bool {
        self.requests().iter().any(|asked| asked.is_of(saga))
    }

    /// Returns how often the step's effect was made, less how often it was undone.
    pub(crate) fn effect(&self, saga: Uuid) -> i64 {
        let asked = self.requests();
        let of_saga = asked.iter().filter(|asked| asked.done && asked.is_of(saga));
        let done: BTreeSet<_> = of_saga.map(|asked| (&asked.key, asked.compensates)).collect();
        done.iter().map(|(_, compensates)| if *compensates { -1 } else { 1 }).sum()
    }

    pub(crate) fn mistakes(&self, sagas: impl Iterator<Item = Uuid>) -> Vec<String> {
        mistakes(&self.requests(), sagas)
    }

    fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ProviderState {
    fn refuses(&self, asked: &ReceivedRequest) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        !asked.compensates && refused.iter().any(|saga| asked.is_of(*saga))
    }
}

impl ReceivedRequest {
    fn is_of(&self, saga: Uuid) -> bool {
        self.text.contains(&saga.to_string())
    }
}

fn mistakes(asked: &[ReceivedRequest], sagas: impl Iterator<Item = Uuid>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut by_key: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for asked in asked {
        if asked.key.is_empty() {
            wrong.push(format!("{} came without an `Idempotency-Key`", asked.request));
        }
        by_key.entry(&asked.key).or_default().insert(&asked.request);
    }
    for (key, requests) in
        by_key.iter().filter(|(key, requests)| !key.is_empty() && requests.len() > 1)
    {
        wrong.push(format!("the key {key} stands for different requests: {requests:?}"));
    }
    let mut owners: BTreeMap<&str, Uuid> = BTreeMap::new();
    for saga in sagas {
        for compensates in [false, true] {
            let of_saga = asked.iter().filter(|asked| asked.is_of(saga));
            let keys: BTreeSet<&str> = of_saga
                .filter(|asked| asked.compensates == compensates && !asked.key.is_empty())
                .map(|asked| asked.key.as_str())
                .collect();
            let what = if compensates { "compensation" } else { "step" };
            if keys.len() > 1 {
                wrong.push(format!(
                    "the provider was asked for the {what} of saga {saga} under {} keys, not under one: {keys:?}",
                    keys.len()
                ));
            }
            for key in keys {
                if let Some(other) = owners.insert(key, saga).filter(|other| *other != saga) {
                    wrong.push(format!("the sagas {other} and {saga} share the key {key}"));
                }
            }
        }
    }
    wrong
}

async fn answer(
    State(shared): State<Arc<ProviderState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = format!("{method} {}", uri.path());
    let ProviderCalls { step, compensation, .. } = &shared.calls;
    let is_it = |call: &&ProviderCall| call.request == request;
    let Some(call) = [step, compensation].into_iter().find(is_it) else {
        let known = format!("there are {} and {}", step.request, compensation.request);
        return (StatusCode::NOT_IMPLEMENTED, known).into_response();
    };
    let key = headers.get(HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let mut asked = ReceivedRequest {
        compensates: call.request == compensation.request,
        key: key.to_owned(),
        text: format!("{uri} {}", String::from_utf8_lossy(&body)),
        request,
        done: false,
    };
    let note = |asked: ReceivedRequest| {
        shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    };
    note(asked.clone());
    let mut mode = shared.mode.subscribe();
    let mode = match mode.wait_for(|mode| *mode != ProviderMode::Waits).await {
        Ok(mode) => *mode,
        Err(_) => ProviderMode::Away,
    };
    if mode == ProviderMode::Away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let refusal = shared.calls.refusal.as_ref().filter(|_| shared.refuses(&asked));
    asked.done = refusal.is_none();
    note(asked);
    match mode {
        ProviderMode::Silent => pending().await,
        ProviderMode::Loses => StatusCode::GATEWAY_TIMEOUT.into_response(),
        _ => axum::Json(with_key(refusal.unwrap_or(&call.answer), key)).into_response(),
    }
}

fn with_key(answer: &Value, key: &str) -> Value {
    let text = answer.to_string().replace(KEY, &key.replace(['"', '\\'], ""));
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(saga: Uuid, key: &str, compensates: bool) -> ReceivedRequest {
        let request = if compensates { "POST /refunds" } else { "POST /charges" }.to_owned();
        ReceivedRequest {
            request,
            compensates,
            key: key.to_owned(),
            text: saga.to_string(),
            done: true,
        }
    }

    #[test]
    fn keys_that_change_or_are_shared_or_missing_are_named() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let said = |asked: &[ReceivedRequest]| mistakes(asked, [one, two].into_iter()).join("\n");
        let good = [
            asked(one, "a", false),
            asked(one, "a", false),
            asked(one, "b", true),
            asked(two, "c", false),
        ];
        assert_eq!(said(&good), "");
        assert!(said(&[asked(one, "a", false), asked(one, "b", false)]).contains("under 2 keys"));
        assert!(
            said(&[asked(one, "a", false), asked(two, "a", false)]).contains("share the key a")
        );
        assert!(
            said(&[asked(one, "a", false), asked(one, "a", true)]).contains("different requests")
        );
        assert!(said(&[asked(one, "", false)]).contains("without an `Idempotency-Key`"));
    }
}

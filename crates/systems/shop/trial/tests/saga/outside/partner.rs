//! Another company's API, for tests. It remembers the operation under each key, and misbehaves on request.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const KEY: &str = "the-key-of-the-tests";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// The connection stays open, and nothing happens.
    Hangs,
    /// The answer never comes.
    ActsAndHangs,
    /// The connection breaks in the middle of the answer.
    ActsAndBreaks,
    /// The answer is too slow ever to end.
    ActsAndTrickles,
    /// It acts, and answers this status.
    ActsAndSays(u16),
    /// It does not act, and answers this status.
    Says(u16),
    /// It answers with something else.
    ActsAndBabbles,
    /// It answers with a megabyte.
    ActsAndFloods,
    /// It answers under another key.
    OtherKey,
    /// It answers for another order.
    OtherOrder,
    /// It answers for another amount.
    OtherAmount,
    /// There is no outcome until the operation is finished.
    Later,
}

#[derive(Debug, Clone)]
pub(crate) struct PartnerOperation {
    pub(crate) path: String,
    pub(crate) order_id: String,
    pub(crate) answer: Value,
    pub(crate) is_finished: bool,
    pub(crate) asked: u32,
}

#[derive(Debug, Default)]
struct PartnerMemory {
    done: BTreeMap<Uuid, PartnerOperation>,
    misbehaviours: BTreeMap<String, VecDeque<Misbehaviour>>,
}

pub(crate) type Decide = fn(&str, Uuid, &Value) -> Value;

#[derive(Debug, Clone)]
pub(crate) struct Partner {
    pub(crate) url: String,
    decides: Decide,
    memory: Arc<Mutex<PartnerMemory>>,
}

impl Partner {
    pub(crate) async fn start(decides: Decide) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let partner = Self { url, decides, memory: Arc::default() };
        let routes = Router::new()
            .route("/operations/{key}", get(read_operation))
            .route("/{path}", post(request_operation))
            .with_state(partner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        partner
    }

    fn memory(&self) -> MutexGuard<'_, PartnerMemory> {
        self.memory.lock().expect("not poisoned")
    }

    /// The next requests at a path meet these, one each; later ones none.
    pub(crate) fn misbehave(&self, path: &str, misbehaviours: &[Misbehaviour]) {
        self.memory()
            .misbehaviours
            .insert(path.to_owned(), misbehaviours.iter().copied().collect());
    }

    fn next_misbehaviour(&self, path: &str) -> Option<Misbehaviour> {
        self.memory().misbehaviours.get_mut(path)?.pop_front()
    }

    /// Returns those for an order at a path, each with its key.
    pub(crate) fn operations(&self, path: &str, order_id: &str) -> Vec<(Uuid, PartnerOperation)> {
        let memory = self.memory();
        let done =
            memory.done.iter().filter(|(_, done)| done.path == path && done.order_id == order_id);
        done.map(|(key, done)| (*key, done.clone())).collect()
    }

    /// Gives a pending operation its outcome.
    pub(crate) fn finish(&self, key: Uuid) {
        self.memory().done.get_mut(&key).expect("an operation").is_finished = true;
    }

    /// Acts once for each key. Returns the operation.
    fn act(&self, path: &str, key: Uuid, request: &Value, is_finished: bool) -> PartnerOperation {
        let mut answer = (self.decides)(path, key, request);
        answer["idempotency_key"] = json!(key);
        for field in ["order_id", "amount"] {
            if let Some(value) = request.get(field) {
                answer[field] = value.clone();
            }
        }
        let order_id = request["order_id"].as_str().expect("an order").to_owned();
        let new =
            PartnerOperation { path: path.to_owned(), order_id, answer, is_finished, asked: 0 };
        let mut memory = self.memory();
        let done = memory.done.entry(key).or_insert(new);
        assert_eq!(done.path, path, "a key for two operations");
        done.asked += 1;
        done.clone()
    }
}

async fn request_operation(
    State(partner): State<Partner>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if headers["authorization"] != format!("Bearer {KEY}") {
        let detail = format!("who is {:?}?", headers["authorization"]);
        return (StatusCode::UNAUTHORIZED, json!({ "detail": detail }).to_string()).into_response();
    }
    let key = headers["idempotency-key"].to_str().expect("text").parse().expect("a UUID");
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let misbehaviour = partner.next_misbehaviour(path);
    match misbehaviour {
        Some(Misbehaviour::Hangs) => std::future::pending().await,
        Some(Misbehaviour::Says(status)) => return status_response(status),
        _ => {}
    }
    let done = partner.act(path, key, &request, misbehaviour != Some(Misbehaviour::Later));
    if let Some(misbehaviour) = misbehaviour {
        respond_badly(misbehaviour, done).await
    } else {
        operation_response(&done)
    }
}

async fn read_operation(State(partner): State<Partner>, Path(key): Path<Uuid>) -> Response {
    match partner.next_misbehaviour("/operations") {
        Some(Misbehaviour::Says(status)) => return status_response(status),
        Some(_) => std::future::pending().await,
        None => {}
    }
    let done = partner.memory().done.get(&key).cloned();
    done.map_or_else(
        || (StatusCode::NOT_FOUND, json!({ "idempotency_key": key }).to_string()).into_response(),
        |done| operation_response(&done),
    )
}

async fn respond_badly(misbehaviour: Misbehaviour, mut done: PartnerOperation) -> Response {
    let text = done.answer.to_string();
    match misbehaviour {
        Misbehaviour::Hangs | Misbehaviour::ActsAndHangs => std::future::pending().await,
        Misbehaviour::Says(status) | Misbehaviour::ActsAndSays(status) => status_response(status),
        Misbehaviour::ActsAndBreaks => {
            let broken = std::io::Error::other("broken");
            let pieces = [Ok(text[..9].to_owned()), Err(broken)];
            Body::from_stream(stream::iter(pieces)).into_response()
        }
        Misbehaviour::ActsAndTrickles => {
            let spaces = stream::repeat(" ").then(|space| async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok::<_, Infallible>(space)
            });
            Body::from_stream(spaces).into_response()
        }
        Misbehaviour::ActsAndBabbles => "<html>It works!</html>".into_response(),
        Misbehaviour::ActsAndFloods => format!("{}{text}", " ".repeat(1024 * 1024)).into_response(),
        Misbehaviour::OtherKey => {
            done.answer["idempotency_key"] = json!(Uuid::from_u128(7));
            operation_response(&done)
        }
        Misbehaviour::OtherOrder => {
            done.answer["order_id"] = json!(Uuid::from_u128(7));
            operation_response(&done)
        }
        Misbehaviour::OtherAmount => {
            done.answer["amount"]["amount_minor"] = json!(1);
            operation_response(&done)
        }
        Misbehaviour::Later => operation_response(&done),
    }
}

fn operation_response(done: &PartnerOperation) -> Response {
    let status = match (done.is_finished, done.answer["result"].as_str()) {
        (false, _) => return (StatusCode::ACCEPTED, [("retry-after", "3600")]).into_response(),
        (true, Some("declined")) => StatusCode::PAYMENT_REQUIRED,
        (true, _) => StatusCode::OK,
    };
    (status, done.answer.to_string()).into_response()
}

fn status_response(status: u16) -> Response {
    let body = json!({ "detail": format!("it is {status}, {KEY}") }).to_string();
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("retry-after", "1")], body).into_response()
}

//! The HTTP door of `my_service`. The routes describe themselves: `GET /openapi.json` is made from these
//! types.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Place, Problem};
use ballet::{Abort, Handle, SagaId};
use ballet_openapi::{Api, Created, IdempotencyKey, NoContent, Operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::events::{RequestCancelled, RequestHandling, RequestId, RequestMade};

/// The most characters of a wish.
const LONGEST: usize = 1_000;

/// A request as a client makes it.
#[derive(Debug, Deserialize, JsonSchema)]
struct Wish {
    /// The text of the request.
    #[schemars(length(min = 1, max = 1_000))]
    text: String,
    /// The number of places.
    places: u16,
}

/// A request, and its state.
#[derive(Debug, Serialize, JsonSchema)]
struct Request {
    /// The request.
    request_id: RequestId,
    /// `open`, `confirmed` or `cancelled`.
    state: String,
    /// The reason why it is cancelled.
    reason: Option<String>,
}

/// The routes, with their inputs and answers.
#[must_use]
pub fn api() -> Api<Handle> {
    Api::new("my_service", "Requests, and what becomes of them.")
        .post(
            "/requests",
            make,
            Operation::new("make_request", "Make a request")
                .about("With the same `Idempotency-Key` it may be sent again: there is one request.")
                .example(json!({ "text": "A table by the window", "places": 2 }))
                .answers(StatusCode::CREATED, "The request is made, or was made before."),
        )
        .get(
            "/requests/{request_id}",
            read,
            Operation::new("read_request", "Read a request")
                .answers(StatusCode::OK, "The request.")
                .refuses(StatusCode::NOT_FOUND, "There is no such request."),
        )
        .post(
            "/requests/{request_id}/withdraw",
            withdraw,
            Operation::new("withdraw_request", "Withdraw a request")
                .answers(StatusCode::NO_CONTENT, "The request is cancelled.")
                .refuses(StatusCode::NOT_FOUND, "There is no such request.")
                .refuses(StatusCode::CONFLICT, "The request is confirmed."),
        )
}

/// The row and the event that begins the saga are committed together.
async fn make(
    State(handle): State<Handle>,
    key: IdempotencyKey,
    Json(Wish { text, places }): Json<Wish>,
) -> Result<Created<Request>, Problem> {
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        let why = format!("a request says what is wanted, in at most {LONGEST} characters");
        return Err(Problem::unprocessable(why).at(Place::body(["text"])));
    }
    if text.contains('\0') {
        let problem = Problem::unprocessable("Postgres keeps no zero character");
        return Err(problem.at(Place::body(["text"])));
    }
    let request_id: RequestId = handle.new_id();
    let mut unit = handle.saga_unit(SagaId(request_id.0)).await?;
    let insert = "insert into request (request_id, idempotency_key, wanted, places) \
                  values ($1, $2, $3, $4) on conflict (idempotency_key) do nothing";
    let insert = sqlx::query(insert).bind(request_id.0).bind(key.text()).bind(&text);
    let insert = insert.bind(i32::from(places));
    if insert.execute(unit.tx().db()).await?.rows_affected() == 0 {
        let before = "select request_id, wanted, places from request where idempotency_key = $1";
        let before = sqlx::query_as::<_, (Uuid, String, i32)>(before).bind(key.text());
        let (request_id, wanted, held) = before.fetch_one(unit.tx().db()).await?;
        if wanted != text || held != i32::from(places) {
            return Err(IdempotencyKey::taken());
        }
        // Uses this connection: with another one each request would need two.
        let before = find(unit.tx().db(), RequestId(request_id)).await?;
        unit.rollback();
        return Ok(created(before));
    }
    unit.originate(RequestMade { request_id, text, places }).await?;
    unit.commit().await?;
    Ok(created(Request { request_id, state: "open".to_owned(), reason: None }))
}

fn created(body: Request) -> Created<Request> {
    Created { location: format!("/requests/{}", body.request_id), body }
}

async fn read(
    State(handle): State<Handle>,
    Path(request_id): Path<RequestId>,
) -> Result<Json<Request>, Problem> {
    find(handle.db(), request_id).await.map(Json)
}

/// An abort from outside. It competes with the decision: the first that is committed wins.
async fn withdraw(
    State(handle): State<Handle>,
    Path(request_id): Path<RequestId>,
) -> Result<NoContent, Problem> {
    find(handle.db(), request_id).await?;
    let mut unit = handle.saga_unit(SagaId(request_id.0)).await?;
    let cancelled = RequestCancelled { request_id, reason: "it was withdrawn".to_owned() };
    match unit.abort::<RequestHandling>(cancelled).await? {
        Abort::Aborted | Abort::AlreadyAborted => {
            unit.commit().await?;
            Ok(NoContent)
        }
        Abort::TooLate => Err(Problem::conflict("the request is confirmed")),
    }
}

async fn find(db: impl PgExecutor<'_>, request_id: RequestId) -> Result<Request, Problem> {
    let row = sqlx::query_as::<_, (String, Option<String>)>(
        "select state, reason from request where request_id = $1",
    );
    let row = row.bind(request_id.0).fetch_optional(db).await?;
    let (state, reason) =
        row.ok_or_else(|| Problem::not_found(format!("there is no request {request_id}")))?;
    Ok(Request { request_id, state, reason })
}

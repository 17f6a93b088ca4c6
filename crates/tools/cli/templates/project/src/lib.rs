//! `my_service` takes requests over HTTP, and owns the saga in which the services of `my_system` handle them.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use ballet::http::{Json, Path, Place, Problem};
use ballet::{
    Abort, Does, Failure, FailureKind, Handle, SagaId, Service, Tx, Undoes, compensated, done,
    event, refused, saga,
};

/// The most places that a request can have.
const MOST_PLACES: u16 = 8;

/// Somebody wants something: the saga begins.
#[event("my_service.request_made.v1", in_saga)]
pub struct RequestMade {
    pub text: String,
    pub places: u16,
}

/// The places are held for the request.
#[event("my_service.places_held.v1", in_saga)]
pub struct PlacesHeld {}

/// The refusal: there are not that many places.
#[event("my_service.places_refused.v1", in_saga)]
pub struct PlacesRefused {}

/// The places are free again.
#[event("my_service.places_freed.v1", in_saga)]
pub struct PlacesFreed {}

/// The person who was asked has agreed. The producer `clerk`, outside of the system, may publish this and nothing else.
#[event("my_service.request_answered.v1", in_saga, also_from("clerk"))]
pub struct RequestAnswered {}

/// The decision: the request is granted, and can no longer be cancelled.
#[event("my_service.request_confirmed.v1", in_saga)]
pub struct RequestConfirmed {}

/// The deadline has passed without a decision. The service sends this event to itself.
#[event("my_service.request_overdue.v1", in_saga)]
pub struct RequestOverdue {}

/// The request is cancelled: every service takes back its part.
#[event("my_service.request_cancelled.v1", in_saga)]
pub struct RequestCancelled {
    pub reason: String,
}

/// From a request to its end.
#[saga("request_handling", owner = "my_service", abort = RequestCancelled)]
pub struct RequestHandling;

#[ballet::service("my_service", migrations = "migrations", routes = routes)]
impl Requests {
    /// The owner's part in an abort. A refusal of another service, once there is one, is a further function in
    /// `aborts_on`, and `confirm_request` waits for that step's event, too: after the decision nothing is cancelled.
    #[owns(
        RequestHandling,
        originates(make_request = RequestMade),
        aborts_on(|PlacesRefused {}| cancelled("there are 8 places at most")),
        deadline(
            "15m",
            |_| RequestOverdue {},
            |RequestOverdue {}| cancelled("nobody answered in time")
        )
    )]
    async fn cancel_request(tx: &mut Tx<'_>, cancelled: &RequestCancelled) -> Result<(), Failure> {
        end(tx, "cancelled", Some(&cancelled.reason)).await
    }

    /// Holds the places of a request, or refuses if they are too many.
    #[compensatable(undo = free_places)]
    async fn hold_places(tx: &mut Tx<'_>, made: RequestMade) -> Does<PlacesHeld, PlacesRefused> {
        if made.places > MOST_PLACES {
            return refused(PlacesRefused {});
        }
        let hold = sqlx::query("insert into held (request_id, places) values ($1, $2)");
        let hold = hold.bind(tx.saga_id()).bind(i32::from(made.places));
        hold.execute(tx.db()).await?;
        done(PlacesHeld {})
    }

    /// Gets the very event that the step published. It is not called if the step took no effect.
    async fn free_places(tx: &mut Tx<'_>, _: PlacesHeld) -> Undoes<PlacesFreed> {
        let free = sqlx::query("delete from held where request_id = $1");
        free.bind(tx.saga_id()).execute(tx.db()).await?;
        compensated(PlacesFreed {})
    }

    /// The decision, once the places are held and the answer has come, in any order. It does not run if the request was
    /// cancelled first.
    #[decides]
    async fn confirm_request(
        tx: &mut Tx<'_>,
        _: PlacesHeld,
        _: RequestAnswered,
    ) -> Does<RequestConfirmed> {
        end(tx, "confirmed", None).await?;
        done(RequestConfirmed {})
    }
}

async fn end(tx: &mut Tx<'_>, state: &str, reason: Option<&str>) -> Result<(), Failure> {
    let end = sqlx::query("update request set state = $2, reason = $3 where request_id = $1");
    let end = end.bind(tx.saga_id()).bind(state).bind(reason);
    end.execute(tx.db()).await?;
    Ok(())
}

/// The row and the event that begins the saga commit together. A request that is sent again is the same request: the
/// unit holds the saga's lock, so nobody else makes it meanwhile.
async fn make(
    State(handle): State<Handle>,
    Path(request): Path<SagaId>,
    Json(made): Json<RequestMade>,
) -> Result<(), Problem> {
    if !(1..=1_000).contains(&made.text.chars().count()) || made.text.contains('\0') {
        let wrong = Problem::unprocessable("a text has 1 to 1,000 characters, none of them NUL");
        return Err(wrong.at(Place::body(["text"])));
    }
    let mut unit = handle.saga_unit(request).await?;
    let known = sqlx::query_as("select wanted, places from request where request_id = $1");
    let known: Option<(String, i32)> = known.bind(request).fetch_optional(unit.tx().db()).await?;
    if known.is_none() {
        let insert = "insert into request (request_id, wanted, places) values ($1, $2, $3)";
        let insert = sqlx::query(insert).bind(request).bind(&made.text);
        let insert = insert.bind(i32::from(made.places));
        insert.execute(unit.tx().db()).await?;
        let begun = unit.originate(made).await;
        begun.map_err(|failure| match failure.kind() {
            // The id is too old for a saga to begin, or of the future.
            FailureKind::Permanent => Problem::unprocessable(failure.to_string()),
            _ => failure.into(),
        })?;
    } else if known != Some((made.text, i32::from(made.places))) {
        return Err(Problem::conflict("another request has this id"));
    }
    Ok(unit.commit().await?)
}

async fn read(handle: State<Handle>, Path(request): Path<SagaId>) -> Result<String, Problem> {
    let read = sqlx::query_scalar("select state from request where request_id = $1");
    let state: Option<String> = read.bind(request).fetch_optional(handle.db()).await?;
    state.ok_or_else(|| Problem::not_found(format!("there is no request {request}")))
}

/// An abort from outside. It competes with the decision: the first that is committed wins.
async fn withdraw(state: State<Handle>, Path(request): Path<SagaId>) -> Result<(), Problem> {
    read(state.clone(), Path(request)).await?;
    let mut unit = state.saga_unit(request).await?;
    let cancelled = cancelled("it was withdrawn");
    match unit.abort::<RequestHandling>(cancelled).await? {
        Abort::Aborted | Abort::AlreadyAborted => Ok(unit.commit().await?),
        Abort::TooLate => Err(Problem::conflict("the request is confirmed")),
    }
}

fn cancelled(reason: &str) -> RequestCancelled {
    let reason = reason.to_owned();
    RequestCancelled { reason }
}

fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/requests/{request_id}", get(read).post(make))
        .route("/requests/{request_id}/withdraw", post(withdraw))
        .with_state(handle)
}

/// The service, for tests and trials.
#[must_use]
pub fn service() -> Service {
    Requests::service()
}

//! The HTTP routes of playback.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{Accepted, Api, Created, Either, IdempotencyKey, Operation, json};
use ballet::{Abort, Handle, SagaId, TelemetryPublisher};
use common::paging::{Limit, Page, cursor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streaming_events::access::Caller;
use streaming_events::playback::{EndReason, Heartbeat, PlaybackRequested};
use streaming_events::{AccountId, DeviceId, PlaybackSession, SessionId, TitleId};

use crate::config::PlaybackSettings;
use crate::ending;
use crate::refusals::{cancelled, not_playing, require_visible};
use crate::session::{Session, SessionStatus, WatchPosition};
use crate::store::{position, session};

#[derive(Debug, Clone)]
pub(crate) struct PlaybackState {
    handle: Handle,
    heartbeats: TelemetryPublisher<Heartbeat>,
    settings: PlaybackSettings,
}

pub(crate) fn routes(handle: Handle, settings: PlaybackSettings) -> Router {
    let heartbeats = handle.telemetry::<Heartbeat>();
    api().router(PlaybackState { handle, heartbeats, settings })
}

pub(crate) fn api() -> Api<PlaybackState> {
    let (ok, none) = (StatusCode::OK, "There is no such session.");
    Api::new("playback", "Sessions, from the request to the end, and where people stopped.")
        .get(
            "/sessions",
            list,
            Operation::new("list_sessions", "List sessions")
                .about("The newest come first. An account has only its own."),
        )
        .post(
            "/sessions",
            start,
            Operation::new("start_session", "Start a session")
                .about(
                    "The answer comes before slot and licence are known: read the session until it \
                     plays, or says why not and what to do. With an `Idempotency-Key` the request \
                     may be sent again when no answer came: it gets the same session.",
                )
                .example(json!({
                    "account_id": "0193f7a0-0000-7000-8000-00000000a001",
                    "device_id": "0193f7a0-0000-7000-8000-00000000d001",
                    "title_id": "0193f7a0-0000-7000-8000-00000000f001",
                }))
                .answers(StatusCode::CREATED, "The session is requested.")
                .refuses(StatusCode::FORBIDDEN, "The session is for another account."),
        )
        .get(
            "/sessions/{session_id}",
            read,
            Operation::new("read_session", "Read a session").refuses(StatusCode::NOT_FOUND, none),
        )
        .post(
            "/sessions/{session_id}/heartbeats",
            beat,
            Operation::new("send_heartbeat", "Say that somebody watches")
                .about(
                    "All counts are sums since the start, so one that is lost, repeated or late \
                     changes nothing. The answer says when the next one is due.",
                )
                .example(json!({ "number": 7, "position_seconds": 65, "watched_seconds": 60 }))
                .answers(ok, "The session lives.")
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::CONFLICT, "The session has not started.")
                .refuses(StatusCode::GONE, "The session is over: nothing revives it.")
                .refuses(StatusCode::SERVICE_UNAVAILABLE, "It cannot be kept at the moment."),
        )
        .post(
            "/sessions/{session_id}/stop",
            stop,
            Operation::new("stop_session", "Stop a session, on this device or another")
                .answers(StatusCode::ACCEPTED, "The session ends.")
                .answers(ok, "The session was over before.")
                .refuses(StatusCode::NOT_FOUND, none),
        )
        .get(
            "/positions/{account_id}",
            positions,
            Operation::new("list_positions", "List where an account stopped")
                .about("Over all its devices, what was watched last comes first.")
                .refuses(StatusCode::NOT_FOUND, "The account belongs to somebody else."),
        )
}

/// The request for a session.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct NewSession {
    /// The account.
    account_id: AccountId,
    /// One of its devices.
    device_id: DeviceId,
    /// The title.
    title_id: TitleId,
}

async fn start(
    State(PlaybackState { handle, .. }): State<PlaybackState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(NewSession { account_id, device_id, title_id }): Json<NewSession>,
) -> Result<Created<Session>, Problem> {
    caller.may_act_for(account_id, Place::body(["account_id"]))?;
    let session_id = handle.new_id::<SessionId>();
    let mut unit = handle.saga_unit(SagaId(session_id.0)).await?;
    let requested_at = unit.tx().now();
    let requested = PlaybackRequested { session_id, account_id, device_id, title_id, requested_at };
    if !session::request(unit.tx().db(), &requested, key.text()).await? {
        let before = session::find_asked(unit.tx().db(), key.text().unwrap_or_default()).await?;
        let wanted = (Some(account_id), Some(device_id), title_id);
        let is_same = |old: &Session| (old.account_id, old.device_id, old.title_id) == wanted;
        unit.rollback();
        return before.filter(is_same).map(created).ok_or_else(IdempotencyKey::taken);
    }
    let stored = session::find(unit.tx().db(), session_id).await?;
    unit.originate(requested).await?;
    unit.commit().await?;
    require_visible(stored, session_id, &caller).map(created)
}

fn created(session: Session) -> Created<Session> {
    Created { location: format!("/sessions/{}", session.session_id), body: session }
}

async fn read(
    State(PlaybackState { handle, .. }): State<PlaybackState>,
    caller: Caller,
    Path(session_id): Path<SessionId>,
) -> Result<Json<Session>, Problem> {
    require_visible(session::find(handle.db(), session_id).await?, session_id, &caller).map(Json)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SessionFilter {
    /// Only those that are not over.
    #[serde(default)]
    open: bool,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    after: Option<SessionId>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(PlaybackState { handle, .. }): State<PlaybackState>,
    caller: Caller,
    Query(SessionFilter { open, after, limit }): Query<SessionFilter>,
) -> Result<Json<Page<Session>>, Problem> {
    let sessions = session::page(handle.db(), caller.only(), open, after, limit).await?;
    Ok(Json(Page::new(sessions, limit, |session| session.session_id)))
}

/// A heartbeat of a session.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct NewHeartbeat {
    /// The number of the heartbeat. It grows in a session.
    number: u32,
    /// The position in the title.
    position_seconds: u32,
    /// The seconds that the session was watched so far. Pauses do not count.
    watched_seconds: u32,
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize, JsonSchema)]
struct HeartbeatAnswer {
    /// The seconds until the next heartbeat is due.
    next_in_seconds: i64,
}

async fn beat(
    State(PlaybackState { handle, heartbeats, settings }): State<PlaybackState>,
    caller: Caller,
    Path(session_id): Path<SessionId>,
    Json(NewHeartbeat { number, position_seconds, watched_seconds }): Json<NewHeartbeat>,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    let found =
        require_visible(session::find(handle.db(), session_id).await?, session_id, &caller)?;
    let (title_id, at) = (found.title_id, handle.now());
    let heartbeat =
        Heartbeat { session_id, title_id, number, position_seconds, watched_seconds, at };
    let Some(believed) = session::note(handle.db(), heartbeat).await? else {
        let now = session::find(handle.db(), session_id).await?.unwrap_or(found);
        return Err(not_playing(&now, at));
    };
    heartbeats.send(&believed).await?;
    Ok(Json(HeartbeatAnswer { next_in_seconds: settings.next_in_seconds() }))
}

async fn stop(
    State(PlaybackState { handle, .. }): State<PlaybackState>,
    caller: Caller,
    Path(session_id): Path<SessionId>,
) -> Result<Either<Accepted<Session>, Json<Session>>, Problem> {
    let mut unit = handle.saga_unit(SagaId(session_id.0)).await?;
    let found = session::find(unit.tx().db(), session_id).await?;
    let found = require_visible(found, session_id, &caller)?;
    let is_new = match found.status {
        SessionStatus::Requested => {
            let aborted = unit.abort::<PlaybackSession>(cancelled(session_id)).await?;
            aborted == Abort::Aborted
        }
        SessionStatus::Playing => {
            ending::end(&mut unit.tx(), &[session_id], EndReason::Stopped).await?;
            found.ending.is_none()
        }
        SessionStatus::Refused | SessionStatus::Ended => false,
    };
    let after = session::find(unit.tx().db(), session_id).await?.unwrap_or(found);
    unit.commit().await?;
    Ok(if is_new { Either::This(Accepted(after)) } else { Either::That(Json(after)) })
}

/// The query for positions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PositionQuery {
    /// The most items.
    #[serde(default)]
    limit: Limit,
}

async fn positions(
    State(PlaybackState { handle, .. }): State<PlaybackState>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
    Query(PositionQuery { limit }): Query<PositionQuery>,
) -> Result<Json<Page<WatchPosition>>, Problem> {
    if !caller.is_allowed(account_id) {
        return Err(Problem::not_found(format!("there is no account {account_id}")));
    }
    let items = position::list(handle.db(), account_id, limit).await?;
    Ok(Json(Page { items, next: None }))
}

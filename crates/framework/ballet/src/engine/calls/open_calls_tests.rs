use ballet_core::SagaId;
use ballet_stage::{Database, Servers};
use ballet_store::calls::stored::FailedAttempt;
use ballet_store::schema::migrate::migrate;
use jiff::Timestamp;
use sqlx::{Connection, PgPool};

use super::*;

const STEP: &str = "watch_session";
const PROCESS: i64 = 7;

fn calls() -> Arc<OpenCalls> {
    let time_limit = Duration::from_secs(5);
    let of = CallLine::of(LineOf { step: STEP, undo: false, limit: 8, time_limit });
    let lines = of.into_iter().zip([false, true]);
    Arc::new(OpenCalls {
        lines: lines.map(|(line, again)| ((STEP, false, again), Arc::new(line))).collect(),
        held: Mutex::default(),
        failed: Mutex::default(),
        next_look: Mutex::new(Instant::now()),
        changed: Notify::new(),
        leaves_new: AtomicBool::new(false),
        answers: Box::new(|_| {}),
    })
}

fn call() -> NewCall {
    NewCall {
        key: CallKey(Uuid::from_u128(1)),
        saga_id: SagaId(Uuid::from_u128(2)),
        step: STEP.to_owned(),
        step_key: String::new(),
        undo: false,
        request: "null".to_owned(),
        cause: None,
        trace: None,
        asked_since: Timestamp::UNIX_EPOCH,
        attempts: 0,
        is_repeated: false,
        is_stored: false,
        given: None,
    }
}

#[test]
fn new_calls_are_left_to_others_until_work_begins() {
    let (calls, call) = (calls(), call());
    calls.leave_new_ones();
    assert!(matches!(calls.claim_new(std::slice::from_ref(&call))[..], [None]));
    calls.begin();
    assert!(matches!(calls.claim_new(&[call])[..], [Some(_)]));
}

#[tokio::test]
async fn a_hint_while_a_watch_looks_is_not_lost_to_a_claim_that_began_before() {
    let servers = Servers::shared().await.expect("servers");
    let database = Database::new(servers.postgres(), "open_calls").await.expect("one");
    let db = PgConnection::connect(database.url()).await.expect("a session");
    migrate(db, &[]).await.expect("tables");
    let pool = PgPool::connect(database.url()).await.expect("sessions");
    let mut db = pool.acquire().await.expect("a session");
    let (calls, mut call) = (calls(), call());
    // A look for due calls begins while nothing is held yet.
    let (rooms, held) = (calls.rooms(), calls.held());
    let claim = calls.claim_new(std::slice::from_ref(&call)).remove(0).expect("room");
    let time = Some(claim.time());
    let now = call.asked_since;
    stored::insert(&mut db, PROCESS, std::slice::from_mut(&mut call), &[time], now)
        .await
        .expect("stored");
    // The watch has looked at its rows and found nothing, when they change and somebody says so.
    assert!(stored::hurry(&mut db, &[call.key]).await.expect("hurried"));
    let found = calls.claim(&mut db, PROCESS, &rooms, &held).await.expect("claimed");
    assert!(matches!(&found[..], [(found, None)] if found.key == call.key), "{found:?}");
    let attempt = FailedAttempt {
        call: &call,
        failure: "it is not over",
        pause: Some(Duration::from_secs(600)),
        is_taken: true,
    };
    stored::note_failures(&pool, PROCESS, &[attempt]).await.expect("noted");
    drop(claim);
    calls.look_now();
    let (rooms, held) = (calls.rooms(), calls.held());
    let found = calls.claim(&mut db, PROCESS, &rooms, &held).await.expect("claimed");
    assert!(matches!(&found[..], [(found, Some(_))] if found.key == call.key), "{found:?}");
}

//! More slow requests than connections, and the answers to those that did not commit.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use ballet::http::Problem;
use ballet::{Handle, Settings};
use ballet_stage::{Proxy, wait_until};
use ballet_testkit::memory::until;
use reqwest::StatusCode;
use sqlx::Executor;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::{PressureStage, SOON};

/// Holds its connection for as long as somebody else holds the lock.
async fn hold(State(hotel): State<Handle>) -> Result<&'static str, Problem> {
    let mut unit = hotel.unit().await?;
    unit.tx().db().execute("set local lock_timeout = 0").await?;
    unit.tx().db().execute("select pg_advisory_xact_lock_shared(7)").await?;
    unit.commit().await?;
    Ok("held")
}

/// Loses its connection before it commits.
async fn lose(State(hotel): State<Handle>) -> Result<&'static str, Problem> {
    let mut unit = hotel.unit().await?;
    unit.tx().db().execute("select pg_terminate_backend(pg_backend_pid())").await.ok();
    unit.commit().await?;
    Ok("committed")
}

async fn panics(State(hotel): State<Handle>) -> Result<&'static str, Problem> {
    let _unit = hotel.unit().await?;
    panic!("of this request")
}

async fn book(State(hotel): State<Handle>) -> Result<&'static str, Problem> {
    let mut unit = hotel.unit().await?;
    let book = "insert into room (saga_id, city) values (gen_random_uuid(), 'Rome')";
    unit.tx().db().execute(book).await?;
    unit.commit().await?;
    Ok("booked")
}

async fn forget(State(hotel): State<Handle>) -> Result<&'static str, Problem> {
    let mut unit = hotel.unit().await?;
    let book = "insert into room (saga_id, city) values (gen_random_uuid(), 'Rome')";
    unit.tx().db().execute(book).await?;
    Ok("booked")
}

/// Finds nothing to do, or must not act.
async fn leave(State(hotel): State<Handle>, Path(to): Path<String>) -> Result<String, Problem> {
    let unit = hotel.unit().await?;
    if to == "nowhere" {
        return Err(Problem::not_found("there is no such place"));
    }
    unit.rollback();
    Ok(to)
}

pub(crate) fn routes(hotel: Handle) -> Router {
    Router::new()
        .route("/hold", post(hold))
        .route("/lose", post(lose))
        .route("/panics", post(panics))
        .route("/book", post(book))
        .route("/forget", post(forget))
        .route("/leave/{to}", post(leave))
        .with_state(hotel)
}

/// `/hold` waits for this lock.
pub(crate) const WAITING: &str = "pg_locks where locktype = 'advisory' and objid = 7 and not granted \
    and database = (select oid from pg_database where datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn t190_slow_requests_take_no_connection_from_messages() {
    let stage = PressureStage::new("slow_requests", hotel()).await;
    let running =
        stage.start_with(hotel(), routes, |settings| settings.database_connections = Some(9)).await;
    let url = |path: &str| format!("http://{}{path}", running.address());
    let mut lock = stage.connect().await;
    lock.execute("select pg_advisory_lock(7)").await.expect("locked");
    let client = Arc::new(reqwest::Client::new());
    let asked: Vec<_> = (0..15).map(|_| tokio::spawn(client.post(url("/hold")).send())).collect();
    stage.until_count(WAITING, 2).await;
    // Meanwhile messages are handled and the service is ready.
    let begun = std::time::Instant::now();
    let mut booked = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        for _ in 0..10 {
            stage.book("Rome");
            booked += 1;
        }
        // Without a connection they would wait for the lock.
        stage.until_count("room", booked).await;
        let ready = client.get(url("/readyz")).send().await.expect("an answer");
        let (status, text) = (ready.status(), ready.text().await.expect("text"));
        // Only the connection to the broker may be missing.
        assert!(text.contains("\"database\":\"ok\""), "{status} {text}");
    }
    // More than there are connections, fewer than the line takes. A request waits for a connection for at most three
    // seconds, later on a busy machine.
    let over = || asked.iter().filter(|asked| asked.is_finished()).count();
    until("refusals", over, 13).await;
    let mut refused = 0;
    let mut held = Vec::new();
    for asked in asked {
        if !asked.is_finished() {
            held.push(asked);
            continue;
        }
        let answer = asked.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
        refused += 1;
    }
    assert_eq!((refused, held.len()), (13, 2));
    lock.execute("select pg_advisory_unlock(7)").await.expect("unlocked");
    for held in held {
        assert_eq!(held.await.expect("no panic").expect("an answer").status(), StatusCode::OK);
    }
    // Another time.
    let again = client.post(url("/hold")).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::OK);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_its_commit_is_an_error_and_a_panic_gives_back_what_it_held() {
    let stage = PressureStage::new("forgotten_commit", hotel()).await;
    let one_at_a_time = |settings: &mut Settings| {
        settings.http_requests = 1;
        settings.database_connections = Some(8);
    };
    let running = stage.start_with(hotel(), routes, one_at_a_time).await;
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let asked = client.post(format!("http://{}/panics", running.address())).send();
        let answer = asked.await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let told = answer.text().await.expect("text");
        assert!(!told.contains("of this request"), "{told}");
    }
    for (path, status) in [
        ("/forget", StatusCode::INTERNAL_SERVER_ERROR),
        ("/leave/Rome", StatusCode::OK),
        ("/leave/nowhere", StatusCode::NOT_FOUND),
        ("/book", StatusCode::OK),
    ] {
        let asked = client.post(format!("http://{}{path}", running.address())).send();
        assert_eq!(asked.await.expect("an answer").status(), status, "{path}");
    }
    assert_eq!(stage.count("room").await, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t190_requests_beyond_the_limit_are_refused_at_once() {
    let stage = PressureStage::new("many_requests", hotel()).await;
    let running = stage.start_with(hotel(), routes, |settings| settings.http_requests = 3).await;
    let url = |path: &str| format!("http://{}{path}", running.address());
    let mut lock = stage.connect().await;
    lock.execute("select pg_advisory_lock(7)").await.expect("locked");
    let client = Arc::new(reqwest::Client::new());
    let held: Vec<_> = (0..3).map(|_| tokio::spawn(client.post(url("/hold")).send())).collect();
    wait_until("a refusal", SOON, || async {
        let answer = client.post(url("/nowhere")).send().await.map_err(|e| e.to_string())?;
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => Ok(Some(answer)),
            status => Err(status.to_string()),
        }
    })
    .await
    .map(|answer| {
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
    })
    .expect("refused");
    // The service's own pages do not count as requests.
    let alive = client.get(url("/healthz")).send().await.expect("an answer");
    assert_eq!(alive.status(), StatusCode::OK);
    lock.execute("select pg_advisory_unlock(7)").await.expect("unlocked");
    for held in held {
        assert_eq!(held.await.expect("no panic").expect("an answer").status(), StatusCode::OK);
    }
    let after = client.post(url("/nowhere")).send().await.expect("an answer");
    assert_eq!(after.status(), StatusCode::NOT_FOUND);
    running.stop().await;
}

const WAITS: &str = "create function waits() returns trigger language plpgsql as $$ begin
        perform set_config('lock_timeout', '0', true);
        perform pg_advisory_xact_lock_shared(7);
        return null;
    end $$;
    create constraint trigger waits after insert on room deferrable initially deferred
        for each row execute function waits()";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_knows_what_became_of_a_request_only_if_the_answer_to_its_commit_is_lost() {
    let stage = PressureStage::new("lost_commit", hotel()).await;
    let proxy = Proxy::to(stage.url()).await.expect("a proxy");
    let set = |settings: &mut Settings| {
        settings.database_url = Some(proxy.url().to_owned());
    };
    let running = stage.start_with(hotel(), routes, set).await;
    let url = |path: &str| format!("http://{}{path}", running.address());
    let client = reqwest::Client::new();
    // Lost before, so nothing is committed.
    let answer = client.post(url("/lose")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
    // Lost when the commit was on its way.
    stage.execute(WAITS).await;
    let mut lock = stage.connect().await;
    lock.execute("select pg_advisory_lock(7)").await.expect("locked");
    let asked = tokio::spawn(client.post(url("/book")).send());
    stage.until_count(WAITING, 1).await;
    proxy.cut();
    let answer = asked.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
    lock.execute("select pg_advisory_unlock(7)").await.expect("unlocked");
    stage.until_count("room", 1).await;
    running.stop().await;
}

//! Requests whose callers hang up, at every await.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use ballet::{Handle, Running, Settings};
use ballet_stage::{Link, Proxy};
use sqlx::Executor;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::PressureStage;

/// Polls a request this often, then drops it. Returns whether it had ended.
async fn hangs_up_after(polls: u32, request: impl Future<Output = ()>) -> bool {
    let mut request = pin!(request);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        request.as_mut().poll(cx).map(|()| true)
    })
    .await
}

const PLAIN: &str = "insert into room (saga_id, city) values (gen_random_uuid(), 'plain')";
const ROLLED_BACK: &str = "insert into room (saga_id, city) values (gen_random_uuid(), 'nobody')";

/// After each drop, what a later request reports as stored must be stored, whatever the next one rolls back.
async fn all_of_it_clean(stage: &PressureStage, running: &Running, request: impl AsyncFn(&Handle)) {
    let handle = running.handle();
    let mut stored = stage.count("room where city = 'plain'").await;
    for polls in 1.. {
        let over = hangs_up_after(polls, request(handle)).await;
        // Each connection for requests is lent once.
        for _ in 0..CONNECTIONS {
            handle.db().execute(PLAIN).await.expect("stored");
            stored += 1;
        }
        for _ in 0..CONNECTIONS {
            let mut unit = handle.unit().await.expect("a transaction");
            unit.tx().db().execute(ROLLED_BACK).await.expect("a row");
        }
        if over {
            assert!(polls > 2, "it hardly ever waited");
            break;
        }
    }
    stage.until_count("room where city = 'plain'", stored).await;
    assert_eq!(stage.count("room where city = 'nobody'").await, 0);
}

const CONNECTIONS: u32 = 1;

/// Starts behind a network on which every answer takes a moment.
async fn start(stage: &PressureStage) -> (Running, Proxy) {
    let proxy = Proxy::to(stage.url()).await.expect("a proxy");
    proxy.set(Link::Slow(Duration::from_millis(1)));
    let set = |settings: &mut Settings| {
        settings.database_url = Some(proxy.url().to_owned());
        settings.database_connections = Some(7 + CONNECTIONS);
    };
    (stage.start_with(hotel(), |_| Router::new(), set).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn t194_a_unit_that_is_dropped_at_any_await_leaves_a_clean_connection() {
    let stage = PressureStage::new("dropped_unit", hotel()).await;
    let (running, _proxy) = start(&stage).await;
    all_of_it_clean(&stage, &running, async |handle| {
        let mut unit = handle.unit().await.expect("a transaction");
        unit.tx().db().execute(ROLLED_BACK).await.expect("a row");
        let attempt = unit.tx().attempt(async |db| db.execute("select 1").await).await;
        attempt.expect("an attempt");
    })
    .await;
    running.stop().await;
}

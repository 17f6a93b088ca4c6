//! More connections than a service may have.

use ballet::Settings;
use reqwest::StatusCode;
use sqlx::Executor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::hotel::hotel;
use crate::requests::{WAITING, routes};
use crate::stage::{PressureStage, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn t190_connections_without_a_request_keep_nobody_out() {
    let stage = PressureStage::new("connections", &hotel()).await;
    let few = |settings: &mut Settings| {
        settings.http_requests = 1;
        settings.http_connections = 2;
    };
    let running = stage.start_with(hotel(), routes, few).await;
    let address = running.address();
    let url = |path: &str| format!("http://{address}{path}");
    let mut lock = stage.connect().await;
    lock.execute("select pg_advisory_lock(7)").await.expect("locked");
    let held = tokio::spawn(reqwest::Client::new().post(url("/hold")).send());
    stage.until_count(WAITING, 1).await;
    for _ in 0..5 {
        // With these there are as many as may be.
        let mut idle = Vec::new();
        for said in ["GET /healthz HT", ""] {
            let mut client = TcpStream::connect(address).await.expect("a connection");
            client.write_all(said.as_bytes()).await.expect("sent");
            idle.push(client);
        }
        for path in ["/healthz", "/metrics"] {
            // Each on a connection of its own.
            let answer = reqwest::get(url(path)).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
        }
        let read = timeout(SOON, idle[0].read(&mut [0])).await.expect("it is left open");
        assert_eq!(read.unwrap_or_default(), 0);
    }
    lock.execute("select pg_advisory_unlock(7)").await.expect("unlocked");
    assert_eq!(held.await.expect("no panic").expect("an answer").status(), StatusCode::OK);
    running.stop().await;
}

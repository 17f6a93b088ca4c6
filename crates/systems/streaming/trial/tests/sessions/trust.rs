//! The callers' words that count. Other values have tests elsewhere.

use ballet_stage::Method;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::world::{Home, StreamingWorld};

/// Sends the request as the gateway passes it on.
async fn as_account(
    world: &StreamingWorld,
    account: &str,
    (method, service, path): (Method, &str, &str),
    body: &Value,
) -> StatusCode {
    let request = Client::new()
        .request(method, format!("{}{path}", world.system.url(service)))
        .header("x-ballet-subject", account)
        .header("x-ballet-scopes", "streaming:watch")
        .json(body);
    request.send().await.expect("an answer").status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_account_does_not_exist() {
    let world = StreamingWorld::open("anothers").await;
    let (home, other) = (world.home("duo", 1).await, world.home("duo", 1).await);
    let title = world.any_title().await;
    let session = world.play(&home, 0, &title).await;
    assert_eq!(world.beat(&session, 1, 1).await.0, StatusCode::OK);
    let Home { account, devices } = &home;
    let device = &devices[0];
    let (get, post) = (Method::GET, Method::POST);
    let acts = [
        (get.clone(), "playback", format!("/sessions/{session}")),
        (post.clone(), "playback", format!("/sessions/{session}/heartbeats")),
        (post.clone(), "playback", format!("/sessions/{session}/stop")),
        (get.clone(), "playback", format!("/positions/{account}")),
        (get.clone(), "accounts", format!("/accounts/{account}")),
        (Method::PUT, "accounts", format!("/accounts/{account}/plan")),
        (get.clone(), "accounts", format!("/accounts/{account}/devices")),
        (post.clone(), "accounts", format!("/accounts/{account}/devices")),
        (Method::DELETE, "accounts", format!("/accounts/{account}/devices/{device}")),
        (get.clone(), "accounts", format!("/accounts/{account}/closure")),
        (Method::DELETE, "accounts", format!("/accounts/{account}")),
    ];
    for (method, service, path) in &acts {
        let body = if path.ends_with("heartbeats") {
            json!({ "number": 9, "position_seconds": 9, "watched_seconds": 0 })
        } else if path.ends_with("plan") {
            json!({ "plan": "family" })
        } else {
            json!({ "name": "Television" })
        };
        let act = (method.clone(), *service, path.as_str());
        let status = as_account(&world, &other.account, act, &body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    // Nor may the account start anything for others, or see what only operators may.
    let wanted = json!({ "account_id": account, "device_id": device, "title_id": title });
    for (method, service, path) in [(post, "playback", "/sessions"), (get, "accounts", "/closures")]
    {
        let status = as_account(&world, &other.account, (method, service, path), &wanted).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let read = world.read(&session).await;
    assert_eq!((&read["status"], &read["position_seconds"]), (&"playing".into(), &1.into()));
    world.system.close(0).await;
}

//! Refused credentials, and clients that have to wait for them.

use reqwest::{Client, Response};
use serde_json::json;

use crate::support::gateway::{Gateway, problem};
use crate::support::service::TestService;
use crate::support::tokens::{SigningKey, claims, jwt, now};

/// The limit is `most` wrong credentials.
fn config(service: &TestService, most: u32) -> String {
    let limits = format!("[limits]\nrefused_sign_ins = {most}\n");
    let route = "[[route]]\nprefix = \"/a\"\nmethods = [\"GET\"]\nupstream = \"a\"\n";
    format!("{limits}{}{}{route}scopes = [\"a:read\"]\n", jwt(), service.upstream("a"))
}

async fn get(gateway: &Gateway, token: &str) -> Response {
    Client::new().get(gateway.at("/a")).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn an_address_with_many_wrong_credentials_has_to_wait() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let gateway = Gateway::start_with_keys(&[&key], &config(&service, 3)).await;
    let good = key.token(&claims("alice", "a:read"));
    for _ in 0..3 {
        assert_eq!(get(&gateway, &good).await.status(), 200);
        assert_eq!(get(&gateway, "guessed").await.status(), 401);
    }
    // Now right and wrong guesses look alike.
    let other = key.token(&claims("bob", "a:read"));
    for token in ["guessed", &other] {
        let answer = get(&gateway, token).await;
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let detail = problem(answer, 429).await;
        assert!(detail.starts_with("3 credentials from this address did not count"), "{detail}");
    }
    // Nobody locks out clients of the same address that had signed in.
    assert_eq!(get(&gateway, &good).await.status(), 200);
    let without = reqwest::get(gateway.at("/a")).await.unwrap();
    assert_eq!(problem(without, 401).await, "sign in with `Authorization: Bearer <token>`");
    assert_eq!(service.got().len(), 4);
    let limited = "gateway_limited_total{rate=\"refused-sign-ins\"} 2";
    gateway.private_says("/metrics", 200, limited).await;
}

#[tokio::test]
async fn who_comes_with_a_token_that_has_expired_guesses_nothing() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let gateway = Gateway::start_with_keys(&[&key], &config(&service, 3)).await;
    let mut late = claims("alice", "a:read");
    late["exp"] = json!(now() - 600);
    for _ in 0..4 {
        let answer = get(&gateway, &key.token(&late)).await;
        assert_eq!(problem(answer, 401).await, "the token has expired: get a new one");
    }
    assert_eq!(get(&gateway, &key.token(&claims("alice", "a:read"))).await.status(), 200);
}

//! A key is free again if nothing was done under it.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};

use super::shop;
use crate::support::gateway::problem;
use crate::support::service::{TestService, text};

const SIGNING: &str = "[signing]\nsecret = \"file:secret-{upstream}\"\n";

#[tokio::test]
async fn a_service_that_refuses_the_gateways_signature_has_done_nothing_and_says_nothing_of_the_client()
 {
    let count = AtomicUsize::new(0);
    let service = TestService::start(move |got| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let mut said = text(if number < 2 || got.body == b"forged" { 401 } else { 201 }, "said");
        if got.body == b"of another secret" {
            *said.status_mut() = StatusCode::UNAUTHORIZED;
            let challenge = HeaderValue::from_static("Ballet-Gateway");
            said.headers_mut().insert("www-authenticate", challenge);
        }
        said
    })
    .await;
    let public = "[[route]]\nprefix = \"/webhook\"\nmethods = [\"POST\"]\nupstream = \"a\"\n\
                  public = true\n";
    let shop = shop(&service.upstream("a"), &format!("{public}{SIGNING}")).await;
    let detail = problem(shop.post("k", "x").await, 502).await;
    assert!(detail.contains("nothing was done"), "{detail}");
    let said = "a service refuses what this gateway signs: look whether both have the same secret \
                ([signing], GATEWAY_SECRET) and the same time";
    assert_eq!(shop.gateway.logged(said).await["upstream"], "a");
    assert_eq!(shop.post("k", "x").await.status(), StatusCode::CREATED);
    // A webhook's sender learns that its own signature is wrong.
    let webhook = Client::new().post(shop.gateway.at("/webhook")).body("forged");
    assert_eq!(webhook.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let read = Client::new().get(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    assert_eq!(read.send().await.unwrap().status(), StatusCode::CREATED);
    // Here too the service says which 401 is for the gateway.
    let webhook = Client::new().post(shop.gateway.at("/webhook")).body("of another secret");
    let detail = problem(webhook.send().await.unwrap(), 502).await;
    assert!(detail.contains("nothing was done"), "{detail}");
    // Each refused one was sent a second time.
    assert_eq!(service.got().len(), 7);
}

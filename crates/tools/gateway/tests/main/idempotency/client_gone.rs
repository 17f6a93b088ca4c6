//! Clients that leave while their request runs.

use ballet_stage::wait_until;
use reqwest::Client;
use tokio::io::AsyncWriteExt;

use super::shop;
use crate::support::gateway::{LIMIT, problem};
use crate::support::raw::{self, read_until};

#[tokio::test]
async fn while_the_first_is_running_the_second_is_told_so_and_a_client_that_leaves_changes_nothing()
{
    let (address, mut connections) = raw::connections().await;
    let shop = shop(&raw::upstream("a", &address), "").await;
    let request = Client::new().post(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    let first = tokio::spawn(request.header("idempotency-key", "k").body("x").send());
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\nx").await;
    let second = shop.post("k", "x").await;
    assert!(second.headers().contains_key("retry-after"));
    let detail = problem(second, 409).await;
    assert!(detail.contains("has no answer yet"), "{detail}");
    // The request goes on.
    first.abort();
    shop.gateway.logged("request").await;
    service.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    wait_until("the answer", LIMIT, || async {
        let answer = shop.post("k", "x").await;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status == 200 && text == "done" { Ok(Some(())) } else { Err(text) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn t203_a_request_whose_client_went_away_counts_until_it_has_ended() {
    let (address, mut connections) = raw::connections().await;
    let limits = "[limits]\nclient_requests = 1\n";
    let shop = shop(&format!("{limits}{}", raw::upstream("a", &address)), "").await;
    let request = Client::new().post(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    let first = tokio::spawn(request.header("idempotency-key", "a").body("x").send());
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\nx").await;
    first.abort();
    shop.gateway.logged("request").await;
    let detail = problem(shop.post("b", "x").await, 429).await;
    assert!(detail.starts_with("1 of your requests are under way"), "{detail}");
    service.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    wait_until("room again", LIMIT, || async {
        let answer = shop.post("a", "x").await;
        let is = answer.status().as_u16();
        if is == 200 { Ok(Some(())) } else { Err(is) }
    })
    .await
    .unwrap();
}

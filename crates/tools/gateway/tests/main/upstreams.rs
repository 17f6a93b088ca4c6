//! Unavailable, slow, busy or broken services.

use ballet_stage::wait_until;
use reqwest::Client;

use crate::support::gateway::{Gateway, LIMIT, problem};
use crate::support::raw::{self, nobody};
use crate::support::service::{ROUTE, TestService, text};

#[tokio::test]
async fn upstreams_that_fail_are_told_apart() {
    let (address, mut connections) = raw::connections().await;
    let config = format!(
        "{}{}{ROUTE}\
         [[route]]\nprefix = \"/gone\"\nmethods = [\"GET\"]\nupstream = \"gone\"\npublic = true\n",
        raw::upstream("a", &address),
        raw::upstream("gone", &nobody()),
    );
    let gateway = Gateway::start(&config).await;
    let gone = reqwest::get(gateway.at("/gone")).await.unwrap();
    assert_eq!(gone.headers()["retry-after"], "1");
    let detail = problem(gone, 503).await;
    assert_eq!(detail, "gone cannot be reached: nothing was sent, try again in a moment");
    let asked = tokio::spawn(reqwest::get(gateway.at("/a")));
    for _ in 0..2 {
        drop(connections.recv().await.unwrap());
    }
    let detail = problem(asked.await.unwrap().unwrap(), 502).await;
    assert_eq!(detail, "a broke off before it answered");
    drop(gateway);
    let config = format!("[timeouts]\nupstream = \"300ms\"\n{config}");
    let gateway = Gateway::start(&config).await;
    let late = reqwest::get(gateway.at("/a")).await.unwrap();
    assert_eq!(late.headers()["retry-after"], "1", "it changes nothing");
    let detail = problem(late, 504).await;
    assert_eq!(detail, "a did not answer within 300ms");
    let post = Client::new().post(gateway.at("/a")).send().await.unwrap();
    assert!(!post.headers().contains_key("retry-after"), "it may have taken effect");
    problem(post, 504).await;
}

#[tokio::test]
async fn only_safe_requests_are_tried_again_and_only_once() {
    let service = TestService::start(|_| text(502, "away")).await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 502);
    assert_eq!(service.got().len(), 2);
    let answer = Client::new().post(gateway.at("/a")).body("x").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), service.got().len()), (502, 3));
}

#[tokio::test]
async fn a_server_that_is_away_is_passed_over() {
    let service = TestService::ok().await;
    let servers = format!("servers = [\"{}\", \"{}\"]", nobody(), service.address);
    let gateway = Gateway::start(&format!("[[upstream]]\nname = \"a\"\n{servers}\n{ROUTE}")).await;
    for _ in 0..6 {
        assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_breaker_opens_tries_and_closes() {
    let (socket, address) = raw::reserved();
    let config = format!(
        "{}breaker = {{ failures = 3, open = \"2s\" }}\n{ROUTE}",
        raw::upstream("a", &format!("http://{address}"))
    );
    let gateway = Gateway::start(&config).await;
    for _ in 0..3 {
        problem(reqwest::get(gateway.at("/a")).await.unwrap(), 503).await;
    }
    gateway.private_says("/metrics", 200, "gateway_breaker_open{upstream=\"a\"} 1").await;
    let open = reqwest::get(gateway.at("/a")).await.unwrap();
    // On a slow machine the pause may be over.
    if open.status() == 503 {
        assert!(open.headers().contains_key("retry-after"));
        let detail = problem(open, 503).await;
        assert_eq!(
            detail,
            "a has failed several times and is left alone for a moment: nothing was sent, try again \
             later"
        );
    }
    let service = TestService::on(socket.listen(64).unwrap(), |_| text(200, "ok"));
    let back = wait_until("the breaker to close", LIMIT, || async {
        let answer = reqwest::get(gateway.at("/a")).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((answer.status() == 200).then_some(()))
    });
    back.await.unwrap();
    gateway.private_says("/metrics", 200, "gateway_breaker_open{upstream=\"a\"} 0").await;
    assert!(!service.got().is_empty());
}

//! Limits per client.

use ballet_stage::wait_until;
use reqwest::{Client, Response};

use crate::support::gateway::{Gateway, LIMIT, command, problem};
use crate::support::service::{ROUTE, TestService};

fn config(service: &TestService, requests: u32, window: &str) -> String {
    let rate = format!("[[rate]]\nname = \"r\"\nrequests = {requests}\nwindow = \"{window}\"\n");
    format!("{rate}{}{ROUTE}rate = \"r\"\n", service.upstream("a"))
}

async fn get(gateway: &Gateway) -> Response {
    reqwest::get(gateway.at("/a")).await.unwrap()
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&config(&service, 3, "1h")).await;
    for left in [2, 1, 0] {
        let answer = get(&gateway).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"r\";q=3;w=3600");
        let said = answer.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(said.starts_with(&format!("\"r\";r={left};t=3")), "{said}");
    }
    let answer = get(&gateway).await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    let detail = problem(answer, 429).await;
    assert_eq!(detail, "more than 3 requests in 3600s: wait for the next window");
    assert_eq!(service.got().len(), 3);
}

#[tokio::test]
async fn each_client_has_a_limit_of_its_own_and_windows_end() {
    let service = TestService::ok().await;
    let key = |id: &str| {
        let (_, printed, _) = command(&["api-key", id]);
        let (key, stanza) = printed.split_once("\n\n").unwrap();
        (key.to_owned(), stanza.to_owned())
    };
    let ((first, a), (second, b)) = (key("first"), key("second"));
    let config = format!("{a}{b}{}", config(&service, 1, "2s"));
    let gateway = Gateway::start(&config).await;
    let get = async |key: &str| {
        let request = Client::new().get(gateway.at("/a")).header("x-api-key", key);
        request.send().await.unwrap().status().as_u16()
    };
    for key in [&first, &second] {
        // Each is refused at some time, and admitted later.
        for wanted in [200, 429, 200] {
            wait_until(&format!("{wanted}"), LIMIT, || async {
                let is = get(key).await;
                if is == wanted { Ok(Some(())) } else { Err(is) }
            })
            .await
            .unwrap();
        }
    }
}

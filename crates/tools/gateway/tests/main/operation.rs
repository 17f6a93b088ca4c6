//! Pages, browsers, and an operator's view.

use std::time::Duration;

use ballet_stage::wait_until;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::gateway::{Folder, Gateway, LIMIT, problem};
use crate::support::raw::{self, nobody, read_until};
use crate::support::service::{ROUTE, TestService, json, text};

const PAGE: &str = "
[[page]]
path = \"/pages/product/{sku}\"
public = true
[[page.part]]
name = \"product\"
upstream = \"a\"
path = \"/products/{sku}\"
[[page.part]]
name = \"related\"
upstream = \"b\"
path = \"/related/{sku}\"
optional = true
timeout = \"300ms\"
";

fn patient() -> String {
    PAGE.replace("300ms", "1m")
}

async fn page(gateway: &Gateway) -> Value {
    let answer = reqwest::get(gateway.at("/pages/product/tea%20pot")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_page_is_composed_and_names_what_is_missing() {
    let catalog = TestService::start(|_| json(200, "{\"price\":12.10}")).await;
    let related = TestService::start(|_| json(200, "[\"cup\"]")).await;
    let config = catalog.upstream("a") + &related.upstream("b") + &patient();
    let gateway = Gateway::start(&config).await;
    let whole = json!({ "product": { "price": 12.10 }, "related": ["cup"], "missing": [] });
    assert_eq!(page(&gateway).await, whole);
    let got = &catalog.got()[0];
    assert_eq!(got.path, "/products/tea%20pot");
    assert_eq!(got.header("traceparent").map(str::len), Some(55));
    drop(gateway);
    // One is unavailable, one silent, one failing, and one sends no JSON.
    let (silent, _connections) = raw::connections().await;
    let failing = TestService::start(|_| text(500, "a stack trace")).await;
    let starting = TestService::start(|_| text(503, "not yet")).await;
    let wordy = TestService::ok().await;
    for (address, status, detail) in [
        (nobody(), 503, "b cannot be reached: nothing was sent, try again in a moment"),
        (silent.clone(), 504, "b did not answer within 300ms"),
        (failing.address.clone(), 502, "related: b answered 500 Internal Server Error"),
        (starting.address.clone(), 503, "related: b answered 503 Service Unavailable"),
        (wordy.address.clone(), 502, "related: b sent no JSON"),
    ] {
        let upstreams = catalog.upstream("a") + &raw::upstream("b", &address);
        let page_text = if address == silent { PAGE.to_owned() } else { patient() };
        let gateway = Gateway::start(&(upstreams + &page_text)).await;
        let missing = json!([{ "part": "related", "status": status, "detail": detail }]);
        let rest = json!({ "product": { "price": 12.10 }, "related": null, "missing": missing });
        assert_eq!(page(&gateway).await, rest);
    }
}

#[tokio::test]
async fn a_page_without_its_main_part_is_no_page() {
    let catalog = TestService::start(|_| json(404, "{}")).await;
    let related = TestService::start(|_| json(200, "[]")).await;
    let config = catalog.upstream("a") + &related.upstream("b") + &patient();
    let gateway = Gateway::start(&config).await;
    let answer = reqwest::get(gateway.at("/pages/product/x")).await.unwrap();
    assert_eq!(problem(answer, 404).await, "product: a answered 404 Not Found");
    drop(gateway);
    // The client gets the service's explanation.
    let catalog = TestService::start(|_| {
        let said = "{\"detail\":\"there is no product x\",\"errors\":[{\"in\":\"path\"}]}";
        let mut answer = json(410, said);
        let kind = "application/problem+json".parse().unwrap();
        answer.headers_mut().insert("content-type", kind);
        answer
    })
    .await;
    let config = catalog.upstream("a") + &related.upstream("b") + &patient();
    let gateway = Gateway::start(&config).await;
    let answer = reqwest::get(gateway.at("/pages/product/x")).await.unwrap();
    assert_eq!(problem(answer, 410).await, "product: there is no product x");
    drop(gateway);
    let config = raw::upstream("a", &nobody()) + &related.upstream("b") + PAGE;
    let gateway = Gateway::start(&config).await;
    let answer = reqwest::get(gateway.at("/pages/product/x")).await.unwrap();
    let unreachable = "a cannot be reached: nothing was sent, try again in a moment";
    assert_eq!(problem(answer, 503).await, unreachable);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_the_gateway_and_no_others() {
    let service = TestService::start(|_| {
        let mut answer = text(200, "ok");
        // The gateway decides.
        answer.headers_mut().insert("access-control-allow-origin", "*".parse().unwrap());
        answer
    })
    .await;
    let cors = "[cors]\norigins = [\"https://shop.example\"]\n";
    let gateway = Gateway::start(&format!("{cors}{}{ROUTE}", service.upstream("a"))).await;
    let ask = async |method: Method, origin: &str| {
        let request = Client::new().request(method, gateway.at("/a")).header("origin", origin);
        let request = request.header("access-control-request-method", "PUT");
        request.header("access-control-request-headers", "x-tenant").send().await.unwrap()
    };
    let leave = ask(Method::OPTIONS, "https://shop.example").await;
    assert_eq!(leave.status(), 204);
    assert_eq!(leave.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(leave.headers()["access-control-allow-methods"], "GET, POST, PUT");
    assert_eq!(leave.headers()["access-control-max-age"], "600");
    assert_eq!(leave.headers()["access-control-allow-headers"], "x-tenant");
    let answer = ask(Method::GET, "https://shop.example").await;
    let read = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    for header in ["etag", "location", "retry-after"] {
        assert!(read.split(", ").any(|one| one == header), "{header} is not in {read}");
    }
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(answer.headers()["vary"], "origin");
    for other in ["https://evil.example", "null", "https://shop.example.evil.example"] {
        for method in [Method::OPTIONS, Method::GET] {
            let answer = ask(method, other).await;
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{other}");
        }
    }
    // The page can read a refusal, too.
    let request = Client::new().get(gateway.at("/none")).header("origin", "https://shop.example");
    let refused = request.send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(service.got().len(), 4, "preflights reach no service");
}

#[tokio::test]
async fn answers_have_security_headers_and_keep_the_services_own() {
    let service = TestService::start(|_| {
        let mut answer = text(200, "ok");
        answer
            .headers_mut()
            .insert("content-security-policy", "default-src 'self'".parse().unwrap());
        answer
    })
    .await;
    let config = format!("[security]\nhsts = \"365d\"\n{}{ROUTE}", service.upstream("a"));
    let gateway = Gateway::start(&config).await;
    for path in ["/a", "/none"] {
        let answer = reqwest::get(gateway.at(path)).await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 1);
        let own = headers["content-security-policy"] == "default-src 'self'";
        assert_eq!(own, path == "/a");
    }
}

#[tokio::test]
async fn a_new_config_is_read_without_breaking_connections() {
    let (address, mut connections) = raw::connections().await;
    let other = TestService::ok().await;
    let folder = Folder::new();
    let old = raw::upstream("a", &address) + ROUTE;
    let gateway = Gateway::start_in(&folder, &old).await;
    let mut client = tokio::net::TcpStream::connect(gateway.host()).await.unwrap();
    client.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\n").await;
    folder.write("gateway.toml", "[[route]]\n");
    gateway.signal("-HUP");
    gateway.private_says("/metrics", 200, "gateway_reloads_total{outcome=\"failed\"} 1").await;
    let logged = wait_until("the reason to be logged", LIMIT, || async {
        let log = gateway.log();
        if log.contains("TOML parse error at line 1") { Ok(Some(())) } else { Err(log) }
    });
    logged.await.unwrap();
    let new = other.upstream("a") + &ROUTE.replace("/a", "/b");
    gateway.reload(&folder, &new);
    gateway.private_says("/metrics", 200, "gateway_reloads_total{outcome=\"ok\"} 1").await;
    // It ends as it began, and its connection then serves by the new config.
    service.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold").await.unwrap();
    read_until(&mut client, "old").await;
    client.write_all(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut client, "\r\n\r\nok").await;
    problem(reqwest::get(gateway.at("/a")).await.unwrap(), 404).await;
}

#[tokio::test]
async fn an_operator_sees_requests_in_the_log_and_in_metrics() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    gateway.private_says("/healthz", 200, "ok").await;
    gateway.private_says("/readyz", 200, "\"ready\":true").await;
    let secret = gateway.at("/a/7?card=a-secret-number");
    reqwest::get(secret).await.unwrap();
    problem(Client::new().request(Method::OPTIONS, gateway.at("/a")).send().await.unwrap(), 405)
        .await;
    let done = "gateway_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 1";
    gateway.private_says("/metrics", 200, done).await;
    let invented = "gateway_requests_total{route=\"none\",method=\"other\",status=\"405\"} 1";
    gateway.private_says("/metrics", 200, invented).await;
    gateway
        .private_says("/metrics", 200, "gateway_request_seconds_bucket{route=\"/a\",le=\"30\"} 1")
        .await;
    wait_until("two entries", LIMIT, || async {
        let accesses = gateway.accesses();
        if accesses.len() == 2 { Ok(Some(())) } else { Err(accesses.len()) }
    })
    .await
    .unwrap();
    let entry = &gateway.accesses()[0];
    assert_eq!((&entry["method"], &entry["path"]), (&json!("GET"), &json!("/a/7")));
    assert_eq!((&entry["status"], &entry["route"]), (&json!(200), &json!("/a")));
    assert_eq!(entry["address"], "127.0.0.1");
    assert!(!gateway.log().contains("a-secret-number"), "queries may be secret");
}

#[tokio::test]
async fn a_client_that_leaves_is_in_the_log() {
    let (address, mut connections) = raw::connections().await;
    let gateway = Gateway::start(&(raw::upstream("a", &address) + ROUTE)).await;
    let request = Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
    let asked = tokio::spawn(request.get(gateway.at("/a")).send());
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\n").await;
    asked.abort();
    assert_eq!(gateway.logged("request").await["status"], 499);
    // The service does not work for nobody.
    assert_eq!(raw::read_to_end(&mut service).await, "");
}

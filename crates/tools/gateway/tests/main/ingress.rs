//! A gateway behind an ingress or a load balancer: its clients' addresses, and its end.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::gateway::{Folder, Gateway, LISTEN};
use crate::support::raw::read_to_end;
use crate::support::service::{ROUTE, TestService};

#[tokio::test]
async fn a_client_is_known_through_a_network_of_proxies() {
    let service = TestService::ok().await;
    let config = format!(
        "{LISTEN}trusted_proxies = [\"127.0.0.0/8\", \"fd00::/8\"]\n{}{ROUTE}",
        service.upstream("a")
    );
    let folder = Folder::new();
    let gateway = Gateway::run(&folder.write("gateway.toml", &config)).await;
    for (header, value, client) in [
        ("x-forwarded-for", "6.6.6.6, 1.2.3.4:5678, fd00::7", "1.2.3.4"),
        ("x-forwarded-for", "[2001:db8::7]:5678", "2001:db8::7"),
        ("forwarded", "for=unknown", "127.0.0.1"),
    ] {
        Client::new().get(gateway.at("/a")).header(header, value).send().await.unwrap();
        let got = service.got().pop().unwrap();
        assert_eq!(got.header("x-forwarded-for"), Some(client), "{header}: {value}");
        assert_eq!(got.header("forwarded"), None);
    }
}

#[tokio::test]
async fn after_a_stop_new_connections_are_served_for_a_while_although_it_is_not_ready() {
    let service = TestService::ok().await;
    let folder = Folder::new();
    let config =
        format!("{LISTEN}[timeouts]\nshutdown_delay = \"3s\"\n{}{ROUTE}", service.upstream("a"));
    let mut gateway = Gateway::run_with(&folder.write("gateway.toml", &config), &[]).await;
    let mut kept = TcpStream::connect(gateway.host()).await.unwrap();
    let begun = Instant::now();
    gateway.signal("-TERM");
    gateway.private_says("/readyz", 503, "\"stopping\":true").await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let answer = reqwest::get(gateway.at("/a")).await.unwrap();
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(answer.text().await.unwrap(), "ok");
    kept.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = read_to_end(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    assert!(gateway.ended().await, "{}", gateway.log());
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
}

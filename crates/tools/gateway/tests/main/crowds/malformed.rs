//! Requests that are not HTTP/1.1.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::gateway::Gateway;
use crate::support::raw::{read_to_end, read_until};
use crate::support::service::{ROUTE, TestService};

const GOOD: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn what_is_no_http_reaches_no_service_and_ends_its_connection() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let with = |header: &str| format!("POST /a HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
    let cases = [
        "nonsense\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a HTTP/3.0\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // A TLS client.
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
        &with("A Name: 1"),
        &with("Content-Length: many"),
        &with("Content-Length: 1\r\nContent-Length: 2"),
        &with("Transfer-Encoding: gzip"),
    ];
    for bytes in cases {
        let mut stream = TcpStream::connect(gateway.host()).await.unwrap();
        stream.write_all(GOOD.as_bytes()).await.unwrap();
        read_until(&mut stream, "ok").await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{bytes:.60}: {answer}");
    }
    assert_eq!(service.got().len(), cases.len(), "the good ones");
}

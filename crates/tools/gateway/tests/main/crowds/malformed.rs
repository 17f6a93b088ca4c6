//! Requests that are not HTTP/1.1.

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::gateway::Gateway;
use crate::support::raw::{read_to_end, read_until};
use crate::support::service::{ROUTE, TestService, text};

const GOOD: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn what_is_no_http_is_refused_with_a_sentence_first_or_later_on_its_connection() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let with = |header: &str| format!("POST /a HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
    let mut cases = Vec::from(
        [
            "nonsense\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a HTTP/3.0\r\nHost: x\r\n\r\n",
            // A client that speaks TLS.
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
            &with("A Name: 1"),
            &with("Content-Length: many"),
            &with("Content-Length: 1\r\nContent-Length: 2"),
            &with("Transfer-Encoding: gzip"),
        ]
        .map(|bytes| (bytes.to_owned(), 400, "this is not well-formed HTTP/1.1: ")),
    );
    let large =
        "the request's head is far beyond the limits: 64 headers, and 16KiB for all of them";
    cases.push((with(&format!("x: {}", "x".repeat(200 << 10))), 431, large));
    cases.push((with(&vec!["x: 1"; 300].join("\r\n")), 431, large));
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned();
    cases.push((preface, 505, "the gateway speaks HTTP/1.1, not HTTP/2"));
    for (bytes, status, sentence) in &cases {
        for comes_later in [false, true] {
            let mut stream = TcpStream::connect(gateway.host()).await.unwrap();
            if comes_later {
                stream.write_all(GOOD.as_bytes()).await.unwrap();
                read_until(&mut stream, "ok").await;
            }
            stream.write_all(bytes.as_bytes()).await.unwrap();
            let answer = read_to_end(&mut stream).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:.60}: {answer}");
            assert!(head.contains("\r\nconnection: close"), "{answer}");
            assert!(head.contains("\r\ncontent-type: application/problem+json"), "{answer}");
            let problem: Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["status"], *status);
            assert!(problem["detail"].as_str().unwrap().starts_with(sentence), "{answer}");
            let id = problem["request_id"].as_str().unwrap();
            assert!(head.contains(&format!("\r\nx-request-id: {id}")), "{answer}");
            assert_eq!(gateway.logged_request(id).await["status"], *status);
        }
    }
    let counted = "gateway_requests_total{route=\"none\",method=\"other\",status=\"431\"} 4";
    gateway.private_says("/metrics", 200, counted).await;
    assert_eq!(service.got().len(), cases.len(), "the good ones");
}

#[tokio::test]
async fn an_answer_that_reads_like_that_of_the_http_library_passes() {
    let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let service = TestService::start(move |_| text(200, bare)).await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let mut stream = TcpStream::connect(gateway.host()).await.unwrap();
    // The second request is in the gateway before the first is answered.
    stream.write_all(format!("{GOOD}nonsense\r\n\r\n").as_bytes()).await.unwrap();
    let answers = read_to_end(&mut stream).await;
    let (first, second) = answers.split_once(bare).unwrap();
    assert!(first.starts_with("HTTP/1.1 200 "), "{answers}");
    assert!(second.starts_with("HTTP/1.1 400 ") && second.contains("not well-formed"), "{answers}");
}

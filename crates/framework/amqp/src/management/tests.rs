//! A client and what may answer it.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// The cause of the error of a call to this address.
async fn refusal(base: &str, patience: Duration) -> String {
    let api = ManagementApi::new(base.parse().expect("a URL"), "shop", patience);
    let error = api.overview().await.expect_err("no answer");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    error.cause()
}

#[tokio::test]
async fn a_password_is_not_sent_unencrypted_where_https_was_meant() {
    let api = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = api.local_addr().expect("an address");
    let error = refusal(&format!("https://u:s3cret@{address}"), Duration::from_secs(9)).await;
    assert_eq!(error, "only http:// is supported, and the address begins with https:");
    api.set_nonblocking(true).expect("it does not wait");
    assert!(api.accept().is_err(), "a connection was opened");
}

#[tokio::test]
async fn a_connection_that_the_other_end_closes_first_is_not_waited_for() {
    let api = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = api.local_addr().expect("an address");
    let closing = std::thread::spawn(move || drop(api.accept().expect("a connection")));
    let error = refusal(&format!("http://u:p@{address}"), Duration::from_secs(60)).await;
    assert!(!error.contains("no answer within"), "{error}");
    closing.join().expect("closed");
}

#[tokio::test]
async fn a_refusal_says_where_which_call_and_what_to_do() {
    let api = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = api.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = api.accept().expect("a connection");
        assert!(stream.read(&mut [0; 4096]).expect("a request") > 0);
        let text = r#"{"error":"Object Not Found","reason":"no queue"}"#;
        let head = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length";
        write!(stream, "{head}: {}\r\n\r\n{text}", text.len()).expect("heard");
    });
    let address = format!("http://ops:s3cret@{address}");
    let api = ManagementApi::at(&address, "shop", Duration::from_secs(60)).expect("a client");
    let error = api.depth("orders").await.expect_err("refused");
    answering.join().expect("answered");
    assert!(error.is_not_found());
    let said = error.to_string();
    let ends = "answers 404 to GET /api/queues/shop/orders: no queue; \
                check that it exists, and the virtual host \"shop\"";
    assert!(said.ends_with(ends) && !said.contains("s3cret"), "{said}");
}

#[test]
fn an_address_without_user_and_password_is_refused() {
    for address in ["http://a:15672", "http://u@a", "https://u:p@a", "a:15672", ""] {
        let error = ManagementApi::at(address, "/", Duration::ZERO).expect_err("refused");
        assert!(matches!(error, ManagementError::Address), "{address}");
    }
}

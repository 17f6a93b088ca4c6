//! Requests through the gateway, and headers and paths that must not pass.

use reqwest::{Client, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::gateway::{Gateway, command, problem};
use crate::support::raw::{self, exchange, read_to_end, read_until};
use crate::support::service::{ROUTE, TestService, text};

#[tokio::test]
async fn a_request_and_its_answer_pass_whole() {
    let service = TestService::start(|got| {
        let mut answer = text(201, &format!("{} bytes", got.body.len()));
        answer.headers_mut().insert("location", "/a/1".parse().unwrap());
        answer.headers_mut().insert("etag", "\"7\"".parse().unwrap());
        answer
    })
    .await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let request = Client::new().post(gateway.at("/a/x%20y?q=1&q=2")).header("if-match", "\"6\"");
    let answer = request.body(vec![7; 300_000]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(
        (&answer.headers()["location"], &answer.headers()["etag"]),
        (&"/a/1".parse().unwrap(), &"\"7\"".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap(), "300000 bytes");
    let [got] = &service.got()[..] else { panic!("one request") };
    assert_eq!((got.path.as_str(), got.header("if-match")), ("/a/x%20y?q=1&q=2", Some("\"6\"")));
    assert_eq!(got.body, vec![7; 300_000]);
}

#[tokio::test]
async fn a_packed_body_is_refused_with_how_to_send_it() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let client = Client::new();
    for coding in ["gzip", "br, identity"] {
        let request = client.post(gateway.at("/a")).header("content-encoding", coding);
        let refused = request.body("packed").send().await.unwrap();
        assert_eq!(refused.headers()["accept-encoding"], "identity", "{coding}");
        let detail = problem(refused, 415).await;
        assert!(detail.starts_with("the body is packed: send it as it is"), "{detail}");
    }
    assert_eq!(service.got().len(), 0);
    let plain = client.post(gateway.at("/a")).header("content-encoding", "Identity").body("plain");
    let none = client.get(gateway.at("/a")).header("content-encoding", "gzip");
    for request in [plain, none] {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn no_internal_header_passes_in_either_direction() {
    let service = TestService::start(|_| {
        let mut answer = text(200, "ok");
        for name in
            ["server", "x-powered-by", "x-ballet-node", "x-user-id", "via", "x-internal-a", "x-ok"]
        {
            answer.headers_mut().insert(name, "secret".parse().unwrap());
        }
        answer
    })
    .await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let forged = [
        "x-ballet-subject",
        "X-Ballet-Scopes",
        "x_ballet_subject",
        "x-forwarded-for",
        "x-forwarded-host",
        "forwarded",
        "x-user-id",
        "x-real-ip",
        "x-original-url",
        "via",
        "x-hop",
    ];
    let mut request = Client::new().get(gateway.at("/a"));
    for name in forged {
        request = request.header(name, "forged");
    }
    let request = request.header("connection", "x-hop").header("x-own", "stays");
    let answer = request.send().await.unwrap();
    let left: Vec<_> = answer.headers().iter().filter(|(_, value)| *value == "secret").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let [got] = &service.got()[..] else { panic!("one request") };
    assert!(got.headers.values().all(|value| value != "forged"), "{:?}", got.headers);
    assert_eq!(got.header("x-own"), Some("stays"));
    assert_eq!(got.header("x-ballet-subject"), None);
    assert_eq!(got.header("x-ballet-scopes"), Some(""), "it came through the gateway");
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(got.header("x-forwarded-host"), Some(gateway.host()));
}

#[tokio::test]
async fn a_request_id_and_a_trace_are_taken_on_or_begun() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Client::new().get(gateway.at("/a")).header("x-request-id", "order-page-1");
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = request.header("tracestate", "a=1").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "order-page-1");
    let request = Client::new().get(gateway.at("/a")).header("x-request-id", "<script>");
    let answer = request.header("traceparent", "00-no-trace-01").send().await.unwrap();
    let made = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(made.len(), 32);
    let [first, second] = &service.got()[..] else { panic!("two requests") };
    assert_eq!(first.header("x-request-id"), Some("order-page-1"));
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    assert_eq!(first.header("traceparent"), Some(&*parent));
    assert_eq!(first.header("tracestate"), Some("a=1"));
    assert_eq!(second.header("x-request-id"), Some(made.as_str()));
    assert_eq!(second.header("traceparent").map(str::len), Some(55));
    gateway.logged("request").await;
    let accesses = gateway.accesses();
    assert_eq!(accesses[0]["trace_id"], trace, "{accesses:?}");
    assert_eq!(accesses[0]["request_id"], "order-page-1");
}

#[tokio::test]
async fn a_service_gets_a_body_once_it_is_whole_and_an_answer_passes_while_it_comes() {
    let (address, mut connections) = raw::connections().await;
    let gateway = Gateway::start(&(raw::upstream("a", &address) + ROUTE)).await;
    let mut client = TcpStream::connect(gateway.host()).await.unwrap();
    client
        .write_all(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await
        .unwrap();
    // Meanwhile the service has nothing to wait for.
    let other = tokio::spawn(reqwest::get(gateway.at("/a")));
    let mut service = connections.recv().await.unwrap();
    assert!(read_until(&mut service, "\r\n\r\n").await.starts_with("GET /a "));
    drop(service);
    other.abort();
    client.write_all(b"3\r\ndef\r\n0\r\nx-late: 1\r\n\r\n").await.unwrap();
    let mut post = None;
    while post.is_none() {
        // The other request may be sent again.
        let mut service = connections.recv().await.unwrap();
        let head = read_until(&mut service, "\r\n\r\n").await;
        post = head.starts_with("POST /a ").then_some((service, head));
    }
    let (mut service, head) = post.unwrap();
    let got = if head.ends_with("abcdef") {
        head
    } else {
        head + &read_until(&mut service, "abcdef").await
    };
    assert!(got.contains("content-length: 6\r\n") && !got.contains("x-late"), "{got}");
    service
        .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        .await
        .unwrap();
    read_until(&mut client, "first").await;
    service.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    read_until(&mut client, "second").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_broken_for_the_client_too() {
    let (address, mut connections) = raw::connections().await;
    let gateway = Gateway::start(&(raw::upstream("a", &address) + ROUTE)).await;
    let asked = tokio::spawn(reqwest::get(gateway.at("/a")));
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\n").await;
    let part = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    service.write_all(part).await.unwrap();
    let answer = asked.await.unwrap().unwrap();
    drop(service);
    assert!(answer.text().await.is_err(), "half an answer is no answer");
}

#[tokio::test]
async fn an_address_that_others_read_differently_is_refused() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    for path in
        ["/a/../b", "/a/%2e%2e/b", "/a%2f..%2fb", "//a", "/a\\b", "/a/%00", "/a/..;x/b", "/a/%61"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(gateway.host(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    for (path, status) in [("/b", 404), ("/ab", 404), ("/", 404)] {
        let detail = problem(reqwest::get(gateway.at(path)).await.unwrap(), status).await;
        assert_eq!(detail, format!("there is nothing at {path}"));
    }
    let answer = Client::new().delete(gateway.at("/a")).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET, POST, PUT");
    problem(answer, 405).await;
    assert!(service.got().is_empty());
}

#[tokio::test]
async fn a_prefix_is_found_however_a_service_reads_the_parameters_and_the_case_of_its_segments() {
    let service = TestService::ok().await;
    let inner = "[[route]]\nprefix = \"/a/admin\"\nmethods = [\"GET\"]\nupstream = \"a\"\n\
                 scopes = [\"admin\"]\n";
    let moved = "[[route]]\nprefix = \"/moved\"\nmethods = [\"GET\"]\nupstream = \"a\"\n\
                 public = true\nto = \"/v1\"\n";
    let (_, printed, _) = command(&["api-key", "one"]);
    let stanza = printed.split_once("\n\n").unwrap().1;
    let config = format!("{stanza}{}{ROUTE}{inner}{moved}", service.upstream("a"));
    let gateway = Gateway::start(&config).await;
    let parameters = ["/a/admin;x=1", "/a;x/admin", "/a;x/admin;y/b", "/a/admin;/b"];
    let cases = ["/a/admin", "/a/Admin", "/A/ADMIN/b", "/A/admiN;x"];
    for path in parameters.into_iter().chain(cases) {
        problem(reqwest::get(gateway.at(path)).await.unwrap(), 401).await;
    }
    assert!(service.got().is_empty(), "{:?}", service.got());
    // A path that only resembles a prefix passes unchanged.
    for path in ["/a/b;x=1", "/a/adminx;y", "/A/B", "/moved;x/b;y?q=1", "/moved", "/Moved/B"] {
        assert_eq!(reqwest::get(gateway.at(path)).await.unwrap().status(), 200, "{path}");
    }
    let paths: Vec<_> = service.got().into_iter().map(|got| got.path).collect();
    assert_eq!(paths, ["/a/b;x=1", "/a/adminx;y", "/A/B", "/v1/b;y?q=1", "/v1", "/v1/B"]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_a_sentence() {
    let service = TestService::ok().await;
    let limits = "[limits]\nbody = \"1KiB\"\n";
    let gateway = Gateway::start(&format!("{limits}{}{ROUTE}", service.upstream("a"))).await;
    let client = Client::new();
    let request = client.get(gateway.at("/a")).header("x-large", "x".repeat(64 * 1024));
    assert_eq!(request.send().await.unwrap().status(), 431);

    let request = client.post(gateway.at("/a")).body(vec![0; 1025]);
    let detail = problem(request.send().await.unwrap(), 413).await;
    let sentence = "the body is larger than the 1024 bytes that this route takes: send less";
    assert_eq!(detail, sentence);
    assert!(service.got().is_empty(), "{:?}", service.got());
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = exchange(gateway.host(), format!("{head}{chunk}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains(sentence), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_too_much_before_it_reads_is_told_so() {
    let service = TestService::ok().await;
    let config = format!("[limits]\nbody = \"1KiB\"\n{}{ROUTE}", service.upstream("a"));
    let gateway = Gateway::start(&config).await;
    // More than a connection's buffers.
    let large = "x".repeat(12 << 20);
    let length = format!("Content-Length: {}", large.len());
    let chunks = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let chunked = "Transfer-Encoding: chunked".to_owned();
    let waits = format!("{chunked}\r\nExpect: 100-continue");
    for (headers, first, body) in
        [(length, "", &large), (chunked, "", &chunks), (waits, "HTTP/1.1 100 ", &chunks)]
    {
        let mut client = TcpStream::connect(gateway.host()).await.unwrap();
        let head = format!("POST /a HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        read_until(&mut client, first).await;
        client.write_all(body.as_bytes()).await.expect(&headers);
        read_until(&mut client, "send less").await;
    }
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
                Content-Length: 1025\r\n\r\n";
    let answer = exchange(gateway.host(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn slow_clients_are_left() {
    let service = TestService::ok().await;
    let times = "[timeouts]\nheaders = \"300ms\"\n";
    let gateway = Gateway::start(&format!("{times}{}{ROUTE}", service.upstream("a"))).await;
    let mut client = TcpStream::connect(gateway.host()).await.unwrap();
    client.write_all(b"GET /a HTTP/1.1\r\nHos").await.unwrap();
    assert_eq!(read_to_end(&mut client).await, "");
    drop(gateway);
    let times = "[timeouts]\nbody = \"300ms\"\n";
    let gateway = Gateway::start(&format!("{times}{}{ROUTE}", service.upstream("a"))).await;
    let head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    let answer = exchange(gateway.host(), head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("the body did not come in time"), "{answer}");
    // A client that knows the header sends nothing more here.
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    let head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    let answer = exchange(gateway.host(), head).await;
    assert!(answer.contains("the body ended early or is malformed"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

//! One client beside others, odd requests, and the end of streams.

use ballet_stage::wait_until;
use reqwest::{Client, Response};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::gateway::{Folder, Gateway, LIMIT, command, problem};
use crate::support::raw::{self, exchange, read_to_end, read_until};
use crate::support::service::{ROUTE, ReceivedRequest, TestService, text};
use crate::support::tokens::{SigningKey, claims, jwt, now};

#[tokio::test]
async fn t203_what_a_service_refuses_opens_no_breaker_for_others() {
    let refuses = |got: &ReceivedRequest| match got.path.as_str() {
        "/a/full" => text(503, "full"),
        _ => text(200, "ok"),
    };
    let service = TestService::start(refuses).await;
    let config =
        format!("{}breaker = {{ failures = 3, open = \"60s\" }}\n{ROUTE}", service.upstream("a"));
    let gateway = Gateway::start(&config).await;
    for _ in 0..10 {
        let refused = reqwest::get(gateway.at("/a/full")).await.unwrap();
        assert_eq!(
            (refused.status().as_u16(), refused.text().await.unwrap()),
            (503, "full".into())
        );
    }
    assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 200);
    gateway.private_says("/metrics", 200, "gateway_breaker_open{upstream=\"a\"} 0").await;
}

#[tokio::test]
async fn t203_one_address_cannot_take_the_connections_of_all() {
    let service = TestService::ok().await;
    let config = format!("[limits]\naddress_connections = 2\n{}{ROUTE}", service.upstream("a"));
    let gateway = Gateway::start(&config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(gateway.host()).await.unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        read_until(&mut stream, "ok").await;
        held.push(stream);
    }
    let mut third = TcpStream::connect(gateway.host()).await.unwrap();
    let answer = read_to_end(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(gateway.host().parse().unwrap()).await.unwrap();
    other.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut other, "ok").await;
    held.clear();
    wait_until("room again", LIMIT, || async {
        let answer = reqwest::get(gateway.at("/a")).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((answer.status() == 200).then_some(()))
    })
    .await
    .unwrap();
}

async fn streams(more: &str) -> (Gateway, SigningKey, UnboundedReceiver<TcpStream>) {
    let (address, connections) = raw::connections().await;
    let key = SigningKey::ed25519("one");
    let config = format!(
        "{more}{}leeway = \"1s\"\n{}[[route]]\nprefix = \"/a\"\nmethods = [\"GET\"]\n\
         upstream = \"a\"\nscopes = []\n",
        jwt(),
        raw::upstream("a", &address)
    );
    (Gateway::start_with_keys(&[&key], &config).await, key, connections)
}

async fn watch(
    gateway: &Gateway,
    path: &str,
    token: &str,
    services: &mut UnboundedReceiver<TcpStream>,
) -> (Response, TcpStream) {
    let asked = tokio::spawn(Client::new().get(gateway.at(path)).bearer_auth(token).send());
    let mut service = services.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\n").await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    service.write_all(head.as_bytes()).await.unwrap();
    let mut response = asked.await.unwrap().unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    (response, service)
}

#[tokio::test]
async fn t203_one_client_cannot_have_all_of_a_services_streams() {
    let (gateway, key, mut services) = streams("[limits]\nclient_requests = 2\n").await;
    let (alice, bob) = (key.token(&claims("alice", "")), key.token(&claims("bob", "")));
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(watch(&gateway, "/a", &alice, &mut services).await);
    }
    let third = Client::new().get(gateway.at("/a")).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(third.headers()["retry-after"], "1");
    let detail = problem(third, 429).await;
    assert!(detail.starts_with("2 of your requests are under way"), "{detail}");
    let _other = watch(&gateway, "/a", &bob, &mut services).await;
    drop(held.pop());
    let place = wait_until("room", LIMIT, || async {
        let asked = Client::new().get(gateway.at("/a/none")).bearer_auth(&alice);
        let asked = asked.timeout(std::time::Duration::from_millis(300)).send().await;
        // The service does not answer this.
        match asked {
            Ok(refused) => Err(refused.status().to_string()),
            Err(_) if !services.is_empty() => Ok(Some(())),
            Err(late) => Err(late.to_string()),
        }
    });
    place.await.unwrap();
}

#[tokio::test]
async fn t215_an_event_stream_ends_with_its_token_and_no_other_does() {
    let (gateway, key, mut services) = streams("").await;
    let short = {
        let mut short = claims("alice", "");
        // A busy machine has to open both streams before.
        short["exp"] = json!(now() + 10);
        short
    };
    let (mut ends, _service) = watch(&gateway, "/a", &key.token(&short), &mut services).await;
    let long = key.token(&claims("alice", ""));
    let (mut goes_on, mut service) = watch(&gateway, "/a", &long, &mut services).await;
    // As if the service had ended it: the client comes back, and has to sign in.
    let end = tokio::time::timeout(LIMIT, ends.chunk()).await.unwrap();
    assert_eq!(end.unwrap(), None);
    let again = Client::new().get(gateway.at("/a")).bearer_auth(key.token(&short)).send().await;
    problem(again.unwrap(), 401).await;
    service.write_all(b"9\r\ndata: 2\n\n\r\n").await.unwrap();
    assert_eq!(goes_on.chunk().await.unwrap().unwrap(), "data: 2\n\n");
}

#[tokio::test]
async fn a_stop_ends_event_streams_and_waits_for_none_of_them() {
    let (mut gateway, key, mut services) = streams(&format!(
        "[timeouts]\ndrain = \"{}s\"\n[[route]]\nprefix = \"/open\"\nmethods = [\"GET\"]\n\
         upstream = \"a\"\npublic = true\n",
        LIMIT.as_secs() * 2
    ))
    .await;
    let token = key.token(&claims("alice", ""));
    let (mut signed_in, _service) = watch(&gateway, "/a", &token, &mut services).await;
    let (mut public, _other) = watch(&gateway, "/open", &token, &mut services).await;
    gateway.signal("-TERM");
    for stream in [&mut signed_in, &mut public] {
        let end = tokio::time::timeout(LIMIT, stream.chunk()).await.unwrap();
        assert_eq!(end.unwrap(), None);
    }
    assert!(gateway.ended().await, "{}", gateway.log());
    assert!(!gateway.log().contains("still in progress"), "{}", gateway.log());
}

#[tokio::test]
async fn a_host_is_a_host_and_nothing_else() {
    let service = TestService::ok().await;
    let gateway = Gateway::start(&(service.upstream("a") + ROUTE)).await;
    for wrong in ["evil.example/../@x", "user@x", "x:y", "x y", "", "a,b", "x?y", "x#y", "[::1"] {
        let request = format!("GET /a HTTP/1.1\r\nHost: {wrong}\r\nConnection: close\r\n\r\n");
        let answer = exchange(gateway.host(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong}: {answer}");
    }
    let other = "GET http://other/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(gateway.host(), other.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(service.got().is_empty());
    for good in ["shop.example", "shop.example:8080", "[::1]:80", "[::1]", "127.0.0.1", "my_shop"] {
        let request = format!("GET /a HTTP/1.1\r\nHost: {good}\r\nConnection: close\r\n\r\n");
        let answer = exchange(gateway.host(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{good}: {answer}");
        assert_eq!(service.got().last().unwrap().header("x-forwarded-host"), Some(good));
    }
}

#[tokio::test]
async fn what_services_are_told_is_signed_for_each_of_them_with_all_that_decides() {
    let (a, b, folder) = (TestService::ok().await, TestService::ok().await, Folder::new());
    let secrets = ["a-secret-of-thirty-two-characters", "another-of-thirty-two-characters!"];
    folder.write("secret-a", &secrets.join("\n"));
    folder.write("secret-b", "the-secret-of-b-has-32-characters");
    let signing = "[signing]\nsecret = \"file:secret-{upstream}\"\n";
    let (upstreams, more) = (a.upstream("a") + &b.upstream("b"), ROUTE.replace("\"a", "\"b"));
    let more = more.replace("\"/a\"", "\"/b\"");
    let config = format!("{signing}{upstreams}{ROUTE}{more}");
    let gateway = Gateway::start_in(&folder, &config).await;
    for (service, path) in [(&a, "/a?b=c"), (&b, "/b")] {
        let sent = Client::new().post(gateway.at(path)).body("good").header("if-match", "\"1\"");
        let forged = sent.header("x-ballet-signature", "t=1,v1=00").header("x-ballet-body", "00");
        assert_eq!(forged.send().await.unwrap().status(), 200);
        assert_eq!(service.got().len(), 1);
    }
    let check = |got: &ReceivedRequest, path: &str, left_out: &str, more: &str, secret: &str| {
        let signed = ["x-ballet-body", "x-ballet-scopes", "if-match", "content-type"];
        let named = signed.iter().filter(|name| **name != left_out);
        let named = named.filter_map(|name| Some((*name, got.header(name)?.as_bytes())));
        let more = [(more, &b""[..])];
        let more = more.into_iter().filter(|(name, _)| !name.is_empty());
        let message = ballet_http::signature::message("POST", path, named.chain(more));
        let signature = got.header("x-ballet-signature").unwrap();
        let valid = ballet_http::signature::REQUEST_VALID;
        ballet_http::signature::check(&[secret.to_owned()], signature, now(), valid, &message)
    };
    let (to_a, to_b) = (a.got().remove(0), b.got().remove(0));
    assert_eq!(to_a.headers.get_all("x-ballet-signature").iter().count(), 1);
    let hash = ballet_http::signature::body_hash(b"good");
    assert_eq!(to_a.header("x-ballet-body"), Some(&*hash));
    assert_eq!(check(&to_a, "/a?b=c", "", "", secrets[0]), Ok(()));
    assert_eq!(check(&to_b, "/b", "", "", "the-secret-of-b-has-32-characters"), Ok(()));
    for (got, path, left_out, more, secret) in [
        (&to_a, "/a?b=d", "", "", secrets[0]),
        (&to_a, "/a?b=c", "x-ballet-scopes", "", secrets[0]),
        (&to_a, "/a?b=c", "x-ballet-body", "", secrets[0]),
        (&to_a, "/a?b=c", "if-match", "", secrets[0]),
        (&to_a, "/a?b=c", "", "x-ballet-subject", secrets[0]),
        (&to_a, "/a?b=c", "", "idempotency-key", secrets[0]),
        (&to_a, "/a?b=c", "", "", secrets[1]),
        (&to_b, "/b", "", "", secrets[0]),
    ] {
        check(got, path, left_out, more, secret).unwrap_err();
    }
    // Also for a service that is as it was.
    let read = std::fs::read_to_string(folder.path().join("gateway.toml")).unwrap();
    let read = read.replace("file:secret-", "file:new-");
    let read = read.replace("name = \"b\"\n", "name = \"b\"\nconnect = \"2s\"\n");
    for name in ["new-a", "new-b"] {
        folder.write(name, secrets[1]);
    }
    folder.write("gateway.toml", &read);
    gateway.signal("-HUP");
    gateway.private_says("/metrics", 200, "gateway_reloads_total{outcome=\"ok\"} 1").await;
    for (service, path) in [(&a, "/a"), (&b, "/b")] {
        let sent = Client::new().post(gateway.at(path)).send().await.unwrap();
        assert_eq!(sent.status(), 200);
        assert_eq!(check(&service.got().remove(1), path, "", "", secrets[1]), Ok(()), "{path}");
    }
    for (wrong, why) in [
        ("file:short-{upstream}", "signing.secret of a: GATEWAY_SECRET_FILE: a secret has 5"),
        ("file:none-{upstream}", "none-a cannot be read"),
        ("file:secret-a", "expected \"file:PATH\" or \"env:NAME\" with {upstream} in it"),
        ("env:GATEWAY_SECRET", "expected \"file:PATH\" or \"env:NAME\" with {upstream} in it"),
        ("one-secret-of-all-services-{upstream}", "expected \"file:PATH\" or \"env:NAME\""),
    ] {
        folder.write("short-a", "short");
        let file = folder.write("wrong.toml", &config.replace("file:secret-{upstream}", wrong));
        let (good, _, said) = command(&["check", file.to_str().unwrap()]);
        assert!(!good && said.contains(why), "{said}");
    }
}

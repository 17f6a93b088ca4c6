//! Sign-in: accepted and refused clients.

use std::sync::{Arc, Mutex};

use ballet_stage::wait_until;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::gateway::{Folder, Gateway, LIMIT, command, problem};
use crate::support::raw::{self, read_until, reserved};
use crate::support::service::{TestService, text};
use crate::support::tokens::{SigningKey, claims, encode, jwt, now, set};

/// `/a` needs a scope, `/b` only a client.
pub(crate) fn routes(service: &TestService) -> String {
    let route = |prefix: &str, rest: &str| {
        format!("[[route]]\nprefix = \"{prefix}\"\nmethods = [\"GET\"]\nupstream = \"a\"\n{rest}\n")
    };
    service.upstream("a") + &route("/a", "scopes = [\"a:read\"]") + &route("/b", "scopes = []")
}

pub(crate) async fn get(gateway: &Gateway, path: &str, token: &str) -> Response {
    Client::new().get(gateway.at(path)).bearer_auth(token).send().await.unwrap()
}

async fn refused(gateway: &Gateway, token: &str, sentence: &str) {
    let answer = get(gateway, "/a", token).await;
    let challenge = answer.headers().get("www-authenticate").cloned();
    let detail = problem(answer, 401).await;
    assert_eq!(detail, sentence, "{token}");
    assert!(challenge.unwrap().to_str().unwrap().starts_with("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn a_token_signs_in_and_the_service_is_told_who() {
    let service = TestService::ok().await;
    let (ed, ec, rsa) = (SigningKey::ed25519("ed"), SigningKey::p256("ec"), SigningKey::rsa("rsa"));
    let gateway = Gateway::start_with_keys(&[&ed, &ec, &rsa], &(jwt() + &routes(&service))).await;
    for key in [&ed, &ec, &rsa] {
        let token = key.token(&claims("alice", "a:read b:read"));
        assert_eq!(get(&gateway, "/a", &token).await.status(), 200);
    }
    let audiences = json!({ "aud": ["other", "shop"], "scope": ["a:read"] });
    let mut several = claims("alice", "");
    several.as_object_mut().unwrap().extend(audiences.as_object().unwrap().clone());
    assert_eq!(get(&gateway, "/a", &ed.token(&several)).await.status(), 200);
    let got = &service.got()[0];
    assert_eq!(got.header("x-ballet-subject"), Some("alice"));
    assert_eq!(got.header("x-ballet-client"), Some("sub:alice"));
    assert_eq!(got.header("x-ballet-scopes"), Some("a:read b:read"));
    assert_eq!(got.header("authorization"), None, "services never see credentials");
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let gateway = Gateway::start_with_keys(&[&key], &(jwt() + &routes(&service))).await;
    let token = key.token(&claims("bob", "b:read a:readx"));
    let answer = get(&gateway, "/a", &token).await;
    let challenge = answer.headers()["www-authenticate"].clone();
    let detail = problem(answer, 403).await;
    assert_eq!(detail, "this needs the scope a:read, which the credentials do not have");
    assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"a:read\"");
    assert_eq!(get(&gateway, "/b", &token).await.status(), 200);
    let answer = reqwest::get(gateway.at("/b")).await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    problem(answer, 401).await;
}

#[tokio::test]
async fn scopes_are_read_from_the_claims_that_the_config_names() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let usual = Gateway::start_with_keys(&[&key], &(jwt() + &routes(&service))).await;
    let named =
        "scope_claims = [\"permissions\", \"https://shop/roles\", \"/realm_access/roles\"]\n";
    let named = Gateway::start_with_keys(&[&key], &(jwt() + named + &routes(&service))).await;
    let scopes = json!(["b:read", "a:read"]);
    for (gateway, claim, value, status) in [
        (&usual, "scp", json!("b:read a:read"), 200),
        (&usual, "scp", scopes.clone(), 200),
        (&usual, "permissions", scopes.clone(), 403),
        (&usual, "scope", json!({ "a:read": true }), 403),
        (&named, "permissions", scopes.clone(), 200),
        (&named, "https://shop/roles", scopes.clone(), 200),
        (&named, "realm_access", json!({ "roles": scopes }), 200),
        // The name of one role.
        (&named, "permissions", json!(["not a:read"]), 403),
        (&named, "scope", json!("a:read"), 403),
    ] {
        let mut claims = claims("alice", "");
        claims[claim] = value;
        let answer = get(gateway, "/a", &key.token(&claims)).await;
        assert_eq!(answer.status(), status, "{claims}");
    }
}

#[tokio::test]
async fn a_wide_scope_has_what_it_includes_and_nothing_else() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let wide = "[[scope]]\nname = \"a:all\"\nincludes = [\"a:read\", \"a:write\"]\n";
    let other = "[[route]]\nprefix = \"/c\"\nmethods = [\"GET\"]\nupstream = \"a\"\n\
                 scopes = [\"c:read\"]\n";
    let gateway =
        Gateway::start_with_keys(&[&key], &(jwt() + wide + &routes(&service) + other)).await;
    let token = key.token(&claims("support", "a:all"));
    assert_eq!(get(&gateway, "/a", &token).await.status(), 200);
    assert_eq!(service.got()[0].header("x-ballet-scopes"), Some("a:all"), "as the token has it");
    let detail = problem(get(&gateway, "/c", &token).await, 403).await;
    assert_eq!(detail, "this needs the scope c:read, which the credentials do not have");
    // An included scope does not include others.
    let token = key.token(&claims("alice", "a:write"));
    problem(get(&gateway, "/a", &token).await, 403).await;
}

#[tokio::test]
async fn each_kind_of_bad_token_is_refused() {
    let service = TestService::ok().await;
    let (key, rsa, stranger) =
        (SigningKey::ed25519("ed"), SigningKey::rsa("rsa"), SigningKey::ed25519("ed"));
    let gateway = Gateway::start_with_keys(&[&key, &rsa], &(jwt() + &routes(&service))).await;
    let good = claims("alice", "a:read");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let algorithm = "the token must be signed with the algorithm of its key: EdDSA, ES256 or RS256";
    let malformed = "the token is not a JWT signed with EdDSA, ES256 or RS256";
    let exp = "the token's exp is missing or malformed";
    let nbf = "the token's nbf is missing or malformed";
    let issuer = "the token is of another issuer: its iss must be https://login.example";
    let audience = "the token is for another audience: its aud must have shop";
    let header = json!({ "alg": "none", "kid": "ed" });
    let none = format!("{}.{}.", encode(header.to_string()), encode(good.to_string()));
    refused(&gateway, &none, malformed).await;
    // As the secret of an HMAC.
    let SigningKey::Rsa(_, pair) = &rsa else { panic!("an RSA key") };
    let public =
        ring::rsa::PublicKeyComponents::<Vec<u8>>::from(ring::signature::KeyPair::public_key(pair));
    let header = json!({ "alg": "HS256", "kid": "rsa" });
    let signed = format!("{}.{}", encode(header.to_string()), encode(good.to_string()));
    let hmac = ring::hmac::sign(
        &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public.n),
        signed.as_bytes(),
    );
    refused(&gateway, &format!("{signed}.{}", encode(hmac)), algorithm).await;
    // One key's name with another's algorithm.
    let confused = rsa.token_with(&json!({ "alg": "RS256", "kid": "ed" }), &good);
    refused(&gateway, &confused, algorithm).await;
    for (weak, sentence) in
        [("RS384", algorithm), ("PS256", algorithm), ("ES256", algorithm), ("eddsa", malformed)]
    {
        let token = key.token_with(&json!({ "alg": weak, "kid": "ed" }), &good);
        refused(&gateway, &token, sentence).await;
    }
    refused(&gateway, &stranger.token(&good), "the token's signature is wrong").await;
    let token = key.token(&good);
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let other = encode(with("sub", json!("mallory")).to_string());
    let head = rest.split('.').next().unwrap();
    refused(&gateway, &format!("{head}.{other}.{signature}"), "the token's signature is wrong")
        .await;
    let unknown = SigningKey::ed25519("new").token(&good);
    refused(&gateway, &unknown, "no key of the key set has the token's kid").await;
    let nameless = key.token_with(&json!({ "alg": "EdDSA" }), &good);
    refused(&gateway, &nameless, "the token names no key (kid), and the key set has several").await;
    for (claims, sentence) in [
        (with("exp", json!(now() - 60)), "the token has expired: get a new one"),
        (with("exp", json!(null)), exp),
        // It would never expire.
        (with("exp", json!(1e300)), exp),
        (with("exp", json!(253_402_300_800_i64)), exp),
        (with("exp", json!((now() + 600).to_string())), exp),
        (with("nbf", json!(now() + 120)), "the token is not valid yet"),
        // A time in quotes must not count as absent.
        (with("nbf", json!((now() + 120).to_string())), nbf),
        (with("iss", json!("https://evil.example")), issuer),
        (with("aud", json!("other")), audience),
        (with("aud", json!([])), audience),
        (with("sub", json!(7)), "the token's sub is missing or malformed"),
        (
            with("sub", json!("a\r\nx-ballet-scopes: admin")),
            "the token's sub must be 1 to 200 visible ASCII characters",
        ),
    ] {
        refused(&gateway, &key.token(&claims), sentence).await;
    }
    let critical = json!({ "alg": "EdDSA", "kid": "ed", "crit": ["exp"] });
    refused(&gateway, &key.token_with(&critical, &good), malformed).await;
    let unencoded = json!({ "alg": "EdDSA", "kid": "ed", "b64": false });
    refused(&gateway, &key.token_with(&unencoded, &good), malformed).await;
    for text in ["a", "a.b.c", "...."] {
        refused(&gateway, text, malformed).await;
    }
    let long = "the token has more than 8 KiB, the most that is read: get a smaller one";
    refused(&gateway, &"x".repeat(9000), long).await;
    let request = Client::new().get(gateway.at("/a")).bearer_auth(key.token(&good));
    problem(request.header("x-api-key", "x").send().await.unwrap(), 401).await;
    assert!(service.got().is_empty());
    let late = key.token(&with("exp", json!(now() - 5)));
    assert_eq!(get(&gateway, "/a", &late).await.status(), 200);
}

pub(crate) async fn becomes(gateway: &Gateway, token: &str, status: u16) {
    let what = format!("a token to be answered {status}");
    let found = wait_until(&what, LIMIT, || async {
        let is = get(gateway, "/a", token).await.status();
        if is == status { Ok(Some(())) } else { Err(is) }
    });
    found.await.unwrap();
}

#[tokio::test]
async fn t228_keys_change_without_a_restart() {
    let service = TestService::ok().await;
    let (old, new) = (SigningKey::ed25519("old"), SigningKey::ed25519("new"));
    let keys = Arc::new(Mutex::new(set(&[&old])));
    let served = Arc::clone(&keys);
    let login = TestService::start(move |_| match served.lock().unwrap().as_str() {
        "" => text(500, "away"),
        keys => text(200, keys),
    })
    .await;
    let jwt = jwt().replace("jwks.json", &login.address) + "refresh = \"1s\"\n";
    let gateway = Gateway::start(&(jwt + &routes(&service))).await;
    let (by_old, by_new) =
        (old.token(&claims("alice", "a:read")), new.token(&claims("alice", "a:read")));
    becomes(&gateway, &by_old, 200).await;
    becomes(&gateway, &by_new, 401).await;
    gateway.private_says("/metrics", 200, "gateway_keys_old 0").await;
    *keys.lock().unwrap() = set(&[&old, &new]);
    becomes(&gateway, &by_new, 200).await;
    becomes(&gateway, &by_old, 200).await;
    // The source is unavailable, so the last read's keys stay valid.
    *keys.lock().unwrap() = String::new();
    let reads = login.got().len();
    wait_until("further reads", LIMIT, || async {
        Ok::<_, String>((login.got().len() >= reads + 2).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(get(&gateway, "/a", &by_new).await.status(), 200);
    gateway.private_says("/metrics", 200, "gateway_keys_old 1").await;
    gateway.private_says("/readyz", 200, "\"keys\":\"old: ").await;
    *keys.lock().unwrap() = set(&[&new]);
    gateway.private_says("/metrics", 200, "gateway_keys_old 0").await;
    becomes(&gateway, &by_old, 401).await;
    becomes(&gateway, &by_new, 200).await;
}

#[tokio::test]
async fn a_token_that_was_accepted_ends_with_its_key_and_with_its_time() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let (key, other) = (SigningKey::ed25519("ed"), SigningKey::ed25519("ed"));
    folder.write("jwks.json", &set(&[&key]));
    let jwt = jwt() + "refresh = \"1s\"\nleeway = \"1s\"\n";
    let gateway = Gateway::start_in(&folder, &(jwt + &routes(&service))).await;
    let token = key.token(&claims("alice", "a:read"));
    becomes(&gateway, &token, 200).await;
    // Another key with the same name.
    folder.write("jwks.json", &set(&[&other]));
    becomes(&gateway, &token, 401).await;
    refused(&gateway, &token, "the token's signature is wrong").await;
    let mut short = claims("alice", "a:read");
    short["exp"] = json!(now() + 10);
    let token = other.token(&short);
    becomes(&gateway, &token, 200).await;
    becomes(&gateway, &token, 401).await;
    refused(&gateway, &token, "the token has expired: get a new one").await;
}

#[tokio::test]
async fn a_key_set_that_is_away_at_the_start_is_awaited() {
    let service = TestService::ok().await;
    let key = SigningKey::ed25519("ed");
    let (socket, address) = reserved();
    let jwt = jwt().replace("jwks.json", &format!("http://{address}")) + "refresh = \"1s\"\n";
    let gateway = Gateway::start(&(jwt + &routes(&service))).await;
    let token = key.token(&claims("alice", "a:read"));
    problem(get(&gateway, "/a", &token).await, 503).await;
    gateway.private_says("/readyz", 503, "not read yet").await;
    let keys = set(&[&key]);
    let _login = TestService::on(socket.listen(64).unwrap(), move |_| text(200, &keys));
    becomes(&gateway, &token, 200).await;
    gateway.private_says("/readyz", 200, "\"keys\":\"ok\"").await;
}

#[tokio::test]
async fn a_key_server_that_says_nothing_is_asked_once_for_all_and_does_not_stop_a_stop() {
    let service = TestService::ok().await;
    let (address, mut connections) = raw::connections().await;
    let jwt = jwt().replace("jwks.json", &address);
    let config = format!("{jwt}{}", routes(&service));
    let answers = async {
        let mut login = connections.recv().await.unwrap();
        read_until(&mut login, "\r\n\r\n").await;
        let keys = set(&[&SigningKey::ed25519("known")]);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", keys.len());
        login.write_all((head + &keys).as_bytes()).await.unwrap();
    };
    let (mut gateway, ()) = tokio::join!(Gateway::start(&config), answers);
    let unknown = async |kid: &str| {
        let token = SigningKey::ed25519(kid).token(&claims("alice", "a:read"));
        problem(get(&gateway, "/a", &token).await, 401).await
    };
    // Not within two seconds of the last read.
    let mut questions = Vec::new();
    while questions.is_empty() {
        tokio::join!(unknown("1"), unknown("2"), unknown("3"));
        questions.extend(std::iter::from_fn(|| connections.try_recv().ok()));
    }
    assert_eq!(questions.len(), 1, "each waited for a question of its own");
    gateway.signal("-HUP");
    let _asked = connections.recv().await.unwrap();
    gateway.signal("-TERM");
    assert!(gateway.ended().await, "{}", gateway.log());
    assert!(!gateway.log().contains("the config was read again"), "{}", gateway.log());
}

#[tokio::test]
async fn an_api_key_signs_in_and_only_its_hash_is_stored() {
    let service = TestService::ok().await;
    let (good, printed, error) = command(&["api-key", "mobile", "--scopes", "a:read"]);
    assert!(good, "{error}");
    let (key, stanza) = printed.split_once("\n\n").unwrap();
    assert!(!stanza.contains(key.split_once('.').unwrap().1));
    let gateway = Gateway::start(&format!("{stanza}{}", routes(&service))).await;
    let get = async |path: &str, key: &str| {
        Client::new().get(gateway.at(path)).header("x-api-key", key).send().await.unwrap()
    };
    assert_eq!(get("/a", key).await.status(), 200);
    let (short, other) = (&key[..key.len() - 1], key.replace("mobile", "web"));
    for wrong in ["", "mobile", "mobile.", "mobile.x", &key[1..], short, &other, &format!("{key}x")]
    {
        assert_eq!(problem(get("/a", wrong).await, 401).await, "the API key is unknown");
    }
    let [got] = &service.got()[..] else { panic!("one request") };
    assert_eq!(got.header("x-ballet-client"), Some("key:mobile"));
    assert_eq!(got.header("x-api-key"), None);
}

#[tokio::test]
async fn t228_an_api_key_is_replaced_by_a_second_one_of_the_client_without_a_restart() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let new_key = || {
        let (good, printed, error) = command(&["api-key", "mobile", "--scopes", "a:read"]);
        assert!(good, "{error}");
        let (key, stanza) = printed.split_once("\n\n").unwrap();
        (key.to_owned(), stanza.to_owned())
    };
    let ((old, old_stanza), (new, new_stanza)) = (new_key(), new_key());
    let config = |keys: &str| format!("{keys}{}", routes(&service));
    let gateway = Gateway::start_in(&folder, &config(&old_stanza)).await;
    let client = Client::new();
    let status = async |key: &str| {
        let get = client.get(gateway.at("/a")).header("x-api-key", key);
        get.send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(&old).await, status(&new).await), (200, 401));
    let keys = [format!("{old_stanza}\n{new_stanza}"), new_stanza];
    for (at, (keys, expected)) in keys.iter().zip([(200, 200), (401, 200)]).enumerate() {
        gateway.reload(&folder, &config(keys));
        let read = format!("gateway_reloads_total{{outcome=\"ok\"}} {}", at + 1);
        gateway.private_says("/metrics", 200, &read).await;
        assert_eq!((status(&old).await, status(&new).await), expected);
    }
    // The client is the same with both keys, for its limits and its requests' keys.
    let clients =
        service.got().into_iter().map(|got| got.header("x-ballet-client").map(str::to_owned));
    assert!(clients.clone().count() == 4 && clients.flatten().all(|client| client == "key:mobile"));
}

#[tokio::test]
async fn development_tokens_and_keys_work_together() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let keys = folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    assert!(command(&["keys", keys]).0);
    assert!(command(&["keys", keys]).2.contains("is there already"));
    let jwt = jwt().replace("jwks.json", "keys/jwks.json");
    let gateway = Gateway::start_in(&folder, &(jwt + &routes(&service))).await;
    let file = folder.path().join("gateway.toml");
    let file = file.to_str().unwrap();
    let arguments = ["token", file, "--keys", keys, "--subject", "alice", "--scopes", "a:read"];
    let (good, token, error) = command(&arguments);
    assert!(good, "{error}");
    assert_eq!(get(&gateway, "/a", token.trim()).await.status(), 200);
}

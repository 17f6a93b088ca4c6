//! Keys of a gateway that was killed, frozen, or is one of several, and keys of several clients.

use ballet_stage::{Database, Postgres, wait_until};
use reqwest::{Client, StatusCode};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncWriteExt;

use super::old_rows::count;
use super::{KeyedShop, RATE, counting, shop};
use crate::support::gateway::{Gateway, LIMIT, problem};
use crate::support::raw::{self, read_until};
use crate::support::service::{TestService, text};
use crate::support::tokens::{SigningKey, claims, jwt};

impl KeyedShop {
    fn posting(&self, key: &str) -> tokio::task::JoinHandle<reqwest::Result<reqwest::Response>> {
        let request = Client::new().post(self.gateway.at("/a")).header("x-api-key", &self.key);
        tokio::spawn(request.header("idempotency-key", key).body("x").send())
    }

    async fn killed_under(
        &mut self,
        first: tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
    ) {
        self.gateway.signal("-KILL");
        assert!(!self.gateway.ended().await);
        assert!(first.await.unwrap().is_err());
        self.gateway = self.another().await;
    }

    pub(crate) async fn another(&self) -> Gateway {
        let gateway = Gateway::run(&self.folder.path().join("gateway.toml")).await;
        gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
        gateway
    }
}

#[tokio::test]
async fn t213_a_service_that_recognises_keys_is_asked_again_at_once_after_a_kill() {
    let (address, mut connections) = raw::connections().await;
    let more = "deduplicates = true\ntimeout = \"60s\"\n";
    let mut shop = shop(&raw::upstream("a", &address), more).await;
    let first = shop.posting("k");
    let mut died = connections.recv().await.unwrap();
    read_until(&mut died, "\r\n\r\nx").await;
    shop.killed_under(first).await;
    // More than a minute of its lease is left.
    let again = shop.posting("k");
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\nx").await;
    problem(shop.post("k", "y").await, 422).await;
    service.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n1").await.unwrap();
    assert_eq!(again.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert_eq!(shop.post("k", "x").await.headers()["idempotency-replayed"], "true");
}

#[tokio::test]
async fn t213_without_such_a_service_the_client_is_told_what_is_known_and_when_more_is() {
    let (address, mut connections) = raw::connections().await;
    let times = "timeout = \"1s\"\nidle = \"1s\"\n";
    let mut shop = shop(&raw::upstream("a", &address), times).await;
    let first = shop.posting("k");
    let mut service = connections.recv().await.unwrap();
    read_until(&mut service, "\r\n\r\nx").await;
    shop.killed_under(first).await;
    // Until its lease ends it may be running. After that nobody knows.
    wait_until("the lease to end", LIMIT, || async {
        let answer = shop.post("k", "x").await;
        let wait = answer.headers().get("retry-after").cloned();
        let detail = problem(answer, 409).await;
        if detail.starts_with("nobody knows") {
            return Ok(Some(()));
        }
        assert!(detail.contains("or has died with it"), "{detail}");
        let wait: u64 = wait.unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=17).contains(&wait), "{wait}");
        Err(detail)
    })
    .await
    .unwrap();
    assert!(connections.try_recv().is_err(), "nothing was sent again");
}

#[tokio::test]
async fn t213_what_the_service_has_not_done_frees_the_key_and_what_it_may_have_done_does_not() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let service = TestService::start(move |got| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (busy, lost) = (got.body == b"busy", got.body == b"lost");
        // The request is still on its way.
        let too_early = number == 3;
        let status = if too_early { 404 } else { 201 };
        let mut answer = text(if number == 0 || lost { 503 } else { status }, "said");
        if busy || too_early {
            answer.headers_mut().insert("retry-after", "1".parse().unwrap());
        }
        answer
    })
    .await;
    let shop = shop(&service.upstream("a"), "").await;
    assert_eq!(shop.post("k", "busy").await.status(), 503);
    assert_eq!(shop.post("k", "busy").await.status(), 201);
    assert_eq!(shop.post("l", "lost").await.status(), 503);
    let detail = problem(shop.post("l", "lost").await, 409).await;
    assert!(detail.starts_with("nobody knows"), "{detail}");
    assert_eq!(shop.post("m", "early").await.status(), 404);
    assert_eq!(shop.post("m", "early").await.status(), 201);
    assert_eq!(service.got().len(), 5);
}

#[tokio::test]
async fn t214_no_two_clients_have_the_same_key_whatever_their_names_and_keys_are() {
    let service = counting(201).await;
    let database = Database::new(Postgres::shared().await.unwrap(), "keys").await.unwrap();
    let key = SigningKey::ed25519("one");
    let config = format!(
        "{}[database]\nurl = \"{}\"\ntimeout = \"1m\"\n{}[[route]]\nprefix = \"/a\"\n\
         methods = [\"POST\"]\nupstream = \"a\"\nscopes = []\nidempotency = \"required\"\n\
         deduplicates = true\nrate = \"keys\"\n{RATE}",
        jwt(),
        database.url(),
        service.upstream("a")
    );
    let gateway = Gateway::start_with_keys(&[&key], &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let pairs = [("x", "y:z"), ("x:y", "z"), ("x", "y%3Az"), ("x%3Ay", "z"), ("x:", "y:z")];
    for (subject, idempotency_key) in pairs {
        let token = key.token(&claims(subject, ""));
        let request = Client::new().post(gateway.at("/a")).bearer_auth(token);
        let answer = request.header("idempotency-key", idempotency_key).send().await.unwrap();
        assert!(!answer.headers().contains_key("idempotency-replayed"), "{subject}");
        assert_eq!(answer.status(), 201);
    }
    let got = service.got();
    let mut keys: Vec<&str> = got.iter().filter_map(|got| got.header("idempotency-key")).collect();
    // An unambiguous key stays: services know an order by it.
    assert_eq!(keys[0], "sub:x:y:z");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), pairs.len(), "{keys:?}");
}

#[tokio::test]
async fn t215_a_gateway_that_stood_still_beyond_its_lease_sends_nothing() {
    let service = counting(201).await;
    let mut shop = shop(&service.upstream("a"), "timeout = \"1s\"\nidle = \"1s\"\n").await;
    let other = shop.another().await;
    // On the one connection a statement is prepared for all later ones.
    let config = std::fs::read_to_string(shop.folder.path().join("gateway.toml")).unwrap();
    let single = config.replace("timeout = \"1m\"", "timeout = \"1m\"\nconnections = 1");
    shop.folder.write("gateway.toml", &single);
    shop.gateway = shop.another().await;
    assert_eq!(shop.post("before", "x").await.status(), 201);
    // While it asks the database whether it may send.
    let mut lock = PgConnection::connect(shop.database.url()).await.unwrap();
    lock.execute("begin; lock table gateway.idempotent_request in access exclusive mode")
        .await
        .unwrap();
    let first = shop.posting("k");
    let look = PgConnection::connect(shop.database.url()).await.unwrap();
    let look = tokio::sync::Mutex::new(look);
    wait_until("the question to wait", LIMIT, || async {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
                       and datname = current_database() and query like '%idempotent_request as r%'";
        let count = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *look.lock().await).await;
        let count = count.map_err(|error| error.to_string())?;
        Ok::<_, String>((count > 0).then_some(()))
    })
    .await
    .unwrap();
    shop.gateway.freeze().await;
    lock.execute("commit").await.unwrap();
    wait_until("the key to be stored", LIMIT, || async {
        let stored = count(&shop, "idempotent_request").await;
        if stored == 2 { Ok(Some(())) } else { Err(stored) }
    })
    .await
    .unwrap();
    wait_until("the lease to end", LIMIT, || async {
        let request = Client::new().post(other.at("/a")).header("x-api-key", &shop.key);
        let request = request.header("idempotency-key", "k").body("x");
        let detail = problem(request.send().await.unwrap(), 409).await;
        if detail.starts_with("nobody knows") { Ok(Some(())) } else { Err(detail) }
    })
    .await
    .unwrap();
    shop.gateway.signal("-CONT");
    let detail = problem(first.await.unwrap().unwrap(), 503).await;
    assert!(detail.contains("nothing was sent"), "{detail}");
    assert_eq!(service.got().len(), 1, "the one before");
}

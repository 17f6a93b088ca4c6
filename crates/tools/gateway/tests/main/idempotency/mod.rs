//! `Idempotency-Key`: once, and the same answer again.

mod client_gone;
mod freed_keys;
mod gateway_killed;
mod old_rows;

use ballet_stage::{Database, Link, Postgres, Proxy};
use reqwest::{Client, Response};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncWriteExt;

use crate::support::gateway::{Folder, Gateway, command, problem};
use crate::support::raw::{self, read_until};
use crate::support::service::{TestService, text};

/// Limits the number of a client's keys.
const RATE: &str = "[[rate]]\nname = \"keys\"\nrequests = 20000\nwindow = \"1d\"\n";

/// The gateway has a route that remembers answers.
struct KeyedShop {
    database: Database,
    folder: Folder,
    gateway: Gateway,
    key: String,
    other: String,
}

async fn shop(upstream: &str, more: &str) -> KeyedShop {
    let database = Database::new(Postgres::shared().await.unwrap(), "idempotency").await.unwrap();
    let client = |id: &str| {
        let (_, printed, _) = command(&["api-key", id]);
        let (key, stanza) = printed.split_once("\n\n").unwrap();
        (key.to_owned(), stanza.to_owned())
    };
    let ((key, a), (other, b)) = (client("first"), client("second"));
    let config = format!(
        "[database]\nurl = \"{}\"\ntimeout = \"1m\"\n{a}{b}{upstream}[[route]]\nprefix = \"/a\"\n\
         methods = [\"POST\", \"GET\"]\nupstream = \"a\"\nscopes = []\n\
         idempotency = \"required\"\nrate = \"keys\"\n{more}{RATE}",
        database.url()
    );
    let folder = Folder::new();
    folder.write("secret-a", "a-secret-of-these-tests-32-characters");
    let gateway = Gateway::start_in(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    KeyedShop { database, folder, gateway, key, other }
}

impl KeyedShop {
    async fn post(&self, key: &str, body: &str) -> Response {
        self.post_as(&self.key, key, body).await
    }

    async fn post_as(&self, client: &str, key: &str, body: &str) -> Response {
        let request = Client::new().post(self.gateway.at("/a")).header("x-api-key", client);
        request.header("idempotency-key", key).body(body.to_owned()).send().await.unwrap()
    }
}

async fn counting(status: u16) -> TestService {
    let count = std::sync::atomic::AtomicU32::new(0);
    TestService::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let mut answer = text(status, &format!("order {number}"));
        answer.headers_mut().insert("location", format!("/a/{number}").parse().unwrap());
        answer
    })
    .await
}

#[tokio::test]
async fn the_same_request_takes_effect_once() {
    let service = counting(201).await;
    let shop = shop(&service.upstream("a"), "").await;
    let first = shop.post("k1", "x").await;
    assert_eq!(first.status(), 201);
    assert!(!first.headers().contains_key("idempotency-replayed"));
    for _ in 0..3 {
        // Keys may have the standard's quotes.
        for key in ["k1", "\"k1\""] {
            let again = shop.post(key, "x").await;
            assert_eq!(again.status(), 201);
            assert_eq!(again.headers()["idempotency-replayed"], "true");
            assert_eq!(again.headers()["location"], "/a/1");
            assert_eq!(again.text().await.unwrap(), "order 1");
        }
    }
    assert_eq!(service.got().len(), 1);
    let detail = problem(shop.post("k1", "y").await, 422).await;
    assert_eq!(detail, "this Idempotency-Key was used for another request: choose a new one");
    let other = shop.post_as(&shop.other, "k1", "x").await;
    assert_eq!(other.text().await.unwrap(), "order 2");
    let missing = Client::new().post(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    problem(missing.send().await.unwrap(), 400).await;
    for wrong in ["", "a b", &"k".repeat(129)] {
        problem(shop.post(wrong, "x").await, 400).await;
    }
    let safe = Client::new().get(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    assert_eq!(safe.send().await.unwrap().text().await.unwrap(), "order 3");
}

#[tokio::test]
async fn a_key_does_not_end_with_the_databases_clock() {
    let service = counting(201).await;
    let mut shop = shop(&service.upstream("a"), "").await;
    assert_eq!(shop.post("k", "x").await.status(), 201);
    // The next gateway finds this before the system's own function.
    let name = shop.database.url().rsplit_once('/').unwrap().1;
    let ahead = format!(
        "create schema ahead; create function ahead.now() returns timestamptz language sql as \
         $$select pg_catalog.now() + interval '25 hours'$$; \
         alter database \"{name}\" set search_path = ahead, pg_catalog, public"
    );
    let mut database = PgConnection::connect(shop.database.url()).await.unwrap();
    database.execute(sqlx::AssertSqlSafe(ahead)).await.unwrap();
    shop.gateway = shop.another().await;
    assert_eq!(shop.post("new", "x").await.status(), 201);
    let until = "select bool_and(expires_at > now() + interval '20 hours') \
                 from gateway.idempotent_request where key = 'new'";
    let late: bool = sqlx::query_scalar(until).fetch_one(&mut database).await.unwrap();
    assert!(late, "the gateway sees the other time");
    assert_eq!(shop.post("k", "x").await.headers()["idempotency-replayed"], "true");
    assert_eq!(service.got().len(), 2);
}

#[tokio::test]
async fn t203_a_client_stores_no_more_keys_than_its_rate_allows() {
    let (service, few) = (counting(201).await, RATE.replace("20000", "3"));
    let open = shop(&service.upstream("a"), "").await;
    let config = std::fs::read_to_string(open.folder.path().join("gateway.toml")).unwrap();
    // A route with keys and without a rate does not start.
    let unbounded = open.folder.write("unbounded.toml", &config.replace("rate = \"keys\"\n", ""));
    let (good, _, said) = command(&["check", unbounded.to_str().unwrap()]);
    assert!(!good && said.contains("idempotency: each key is stored for a day"), "{said}");
    let bounded = Gateway::run(&open.folder.write("few.toml", &config.replace(RATE, &few))).await;
    bounded.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let post = async |key: &str| {
        let request = Client::new().post(bounded.at("/a")).header("x-api-key", &open.key);
        request.header("idempotency-key", key).send().await.unwrap()
    };
    for key in ["1", "2", "3"] {
        assert_eq!(post(key).await.status(), 201);
    }
    let refused = post("4").await;
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 429).await;
    assert_eq!(old_rows::count(&open, "idempotent_request").await, 3);
}

#[tokio::test]
async fn twenty_at_once_take_effect_once() {
    let service = counting(201).await;
    let shop = shop(&service.upstream("a"), "").await;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let request = Client::new().post(shop.gateway.at("/a")).header("x-api-key", &shop.key);
        posts.spawn(request.header("idempotency-key", "k").body("x").send());
    }
    for answer in posts.join_all().await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            201 => assert_eq!(answer.text().await.unwrap(), "order 1"),
            409 => {}
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
    }
    assert_eq!(service.got().len(), 1);
}

#[tokio::test]
async fn a_request_that_was_never_sent_may_be_sent_again() {
    let (socket, address) = raw::reserved();
    let shop = shop(&raw::upstream("a", &format!("http://{address}")), "").await;
    let unreachable = "a cannot be reached: nothing was sent, try again in a moment";
    assert_eq!(problem(shop.post("k", "x").await, 503).await, unreachable);
    let listener = socket.listen(16).unwrap();
    let service = TestService::on(listener, |_| text(201, "placed"));
    let answer = shop.post("k", "x").await;
    assert_eq!((answer.status().as_u16(), service.got().len()), (201, 1));
}

#[tokio::test]
async fn an_unknown_outcome_is_not_tried_again_and_the_log_says_why() {
    let (address, mut connections) = raw::connections().await;
    let shop = shop(&raw::upstream("a", &address), "").await;
    for (key, answer) in
        [("head", &b""[..]), ("body", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun")]
    {
        let breaks = async {
            let mut service = connections.recv().await.unwrap();
            read_until(&mut service, "\r\n\r\nx").await;
            service.write_all(answer).await.unwrap();
        };
        let (answer, ()) = tokio::join!(shop.post(key, "x"), breaks);
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        problem(answer, 502).await;
        // The cause is logged before the access.
        let cause = shop.gateway.logged_request(&id).await;
        assert_eq!((&cause["level"], &cause["upstream"]), (&"WARN".into(), &"a".into()), "{cause}");
        assert!(cause["message"].as_str().unwrap().starts_with("broken: "), "{cause}");
        let detail = problem(shop.post(key, "x").await, 409).await;
        assert!(detail.starts_with("nobody knows whether the request"), "{detail}");
        assert!(connections.try_recv().is_err(), "nothing was sent again");
    }
}

#[tokio::test]
async fn a_public_route_passes_keys_on_to_a_service_that_recognises_them() {
    let service = TestService::ok().await;
    let folder = Folder::new();
    let config = |more: &str| {
        format!(
            "[database]\nurl = \"postgres://nobody@127.0.0.1:1/nothing\"\n{}[[route]]\n\
             prefix = \"/a\"\nmethods = [\"POST\"]\nupstream = \"a\"\npublic = true\n\
             idempotency = \"optional\"\nrate = \"keys\"\n{more}{RATE}",
            service.upstream("a")
        )
    };
    let path = folder.write("public.toml", &config(""));
    let (is_good, told, said) = command(&["check", path.to_str().unwrap()]);
    assert!(!is_good && (told + &said).contains("a service that recognises them"), "{said}");
    // It needs no memory for it.
    let gateway = Gateway::start_in(&folder, &config("deduplicates = true\n")).await;
    let post = |key: &str| {
        let request = Client::new().post(gateway.at("/a")).header("idempotency-key", key);
        request.body("x").send()
    };
    for key in ["k", "k"] {
        assert_eq!(post(key).await.unwrap().status(), 200);
    }
    problem(post("sub:ada k").await.unwrap(), 400).await;
    let [first, second] = &service.got()[..] else { panic!("two requests") };
    let key = first.header("idempotency-key");
    assert_eq!((key, second.header("idempotency-key")), (Some("public:k"), key));
}

#[tokio::test]
async fn an_answer_too_large_to_be_kept_reaches_the_first_client_only() {
    let service = TestService::start(|_| text(200, &"x".repeat(300 * 1024))).await;
    let shop = shop(&service.upstream("a"), "").await;
    assert_eq!(shop.post("k", "x").await.text().await.unwrap().len(), 300 * 1024);
    let detail = problem(shop.post("k", "x").await, 409).await;
    let wanted = "the request was carried out with status 200; its answer was too large to be kept";
    assert_eq!((detail.as_str(), service.got().len()), (wanted, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_still_without_the_database_is_named_before_a_client_finds_out() {
    let database = Database::new(Postgres::shared().await.unwrap(), "still").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let service = TestService::ok().await;
    let (_, printed, _) = command(&["api-key", "first"]);
    let (key, stanza) = printed.split_once("\n\n").unwrap();
    let route = |prefix: &str, idempotency: &str| {
        format!(
            "[[route]]\nprefix = \"/{prefix}\"\nmethods = [\"POST\", \"GET\"]\n\
             upstream = \"a\"\nscopes = []\nidempotency = \"{idempotency}\"\n\
             rate = \"keys\"\n"
        )
    };
    let config = format!(
        "[database]\nurl = \"{}\"\ntimeout = \"2s\"\n{stanza}{RATE}{}{}{}",
        link.url(),
        service.upstream("a"),
        route("orders", "required"),
        route("carts", "optional")
    );
    let gateway = Gateway::start(&config).await;
    let well = "\"database\":\"ok\"";
    gateway.private_says("/readyz", 200, well).await;
    // No request comes meanwhile. All gateways may share the database, and serve everything else, so a load balancer
    // keeps them.
    link.set(Link::Silent);
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    gateway.private_says("/metrics", 200, "gateway_database_away 1").await;
    let post = || Client::new().post(gateway.at("/carts")).header("x-api-key", key);
    let answer = post().header("idempotency-key", "k").send().await.unwrap();
    assert!(problem(answer, 503).await.contains("nothing was sent: try again"));
    assert!(service.got().is_empty());
    assert_eq!(post().send().await.unwrap().status(), 200);
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, well).await;
    gateway.private_says("/metrics", 200, "gateway_database_away 0").await;
}

//! Keys that are free again, since nothing was done under them.

use std::sync::atomic::{AtomicUsize, Ordering};

use ballet_stage::wait_until;
use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};
use sqlx::{Connection, Executor, PgConnection};

use super::{counting, shop};
use crate::support::gateway::{LIMIT, problem};
use crate::support::service::{TestService, text};

/// A new key is committed only while nobody holds the lock.
const STALLED: &str = "
    create function gateway.stall() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(1); return null; end $$;
    create constraint trigger stall after insert on gateway.idempotent_request
        deferrable initially deferred for each row execute function gateway.stall();
    select pg_advisory_lock(1)";

#[tokio::test]
async fn a_key_that_was_stored_after_the_gateway_gave_up_is_free_again() {
    let service = counting(201).await;
    let mut shop = shop(&service.upstream("a"), "timeout = \"1s\"\n").await;
    let config = std::fs::read_to_string(shop.folder.path().join("gateway.toml")).unwrap();
    let impatient = config.replace("timeout = \"1m\"", "timeout = \"1s\"");
    shop.folder.write("gateway.toml", &impatient);
    shop.gateway = shop.another().await;
    let mut database = PgConnection::connect(shop.database.url()).await.unwrap();
    database.execute(STALLED).await.unwrap();
    let detail = problem(shop.post("k", "x").await, 503).await;
    assert!(detail.contains("nothing was sent: try again"), "{detail}");
    database.execute("select pg_advisory_unlock(1)").await.unwrap();
    wait_until("the key to be free", LIMIT, || async {
        let answer = shop.post("k", "x").await;
        if answer.status() == StatusCode::CREATED {
            return Ok(Some(()));
        }
        let detail = answer.text().await.unwrap();
        assert!(!detail.contains("nobody knows"), "{detail}");
        Err(detail)
    })
    .await
    .unwrap();
    assert_eq!(service.got().len(), 1);
}

const SIGNING: &str = "[signing]\nsecret = \"file:secret-{upstream}\"\n";

#[tokio::test]
async fn a_service_that_refuses_the_gateways_signature_has_done_nothing_and_says_nothing_of_the_client()
 {
    let count = AtomicUsize::new(0);
    let service = TestService::start(move |got| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let mut said =
            text(if [0, 3].contains(&number) || got.body == b"forged" { 401 } else { 201 }, "said");
        if got.body == b"of another secret" {
            *said.status_mut() = StatusCode::UNAUTHORIZED;
            let challenge = HeaderValue::from_static("Ballet-Gateway");
            said.headers_mut().insert("www-authenticate", challenge);
        }
        said
    })
    .await;
    let public = "[[route]]\nprefix = \"/webhook\"\nmethods = [\"POST\"]\nupstream = \"a\"\n\
                  public = true\n";
    let shop = shop(&service.upstream("a"), &format!("{public}{SIGNING}")).await;
    let detail = problem(shop.post("k", "x").await, 502).await;
    assert!(detail.contains("nothing was done"), "{detail}");
    let said = "a service refuses what this gateway signs: look whether both have the same secret \
                ([signing], GATEWAY_SECRET) and the same time";
    assert_eq!(shop.gateway.logged(said).await["upstream"], "a");
    assert_eq!(shop.post("k", "x").await.status(), StatusCode::CREATED);
    // A webhook's sender learns that its own signature is wrong.
    let webhook = Client::new().post(shop.gateway.at("/webhook")).body("forged");
    assert_eq!(webhook.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    // Safe requests are retried.
    let read = Client::new().get(shop.gateway.at("/a")).header("x-api-key", &shop.key);
    assert_eq!(read.send().await.unwrap().status(), StatusCode::CREATED);
    // Here too the service says which 401 is for the gateway.
    let webhook = Client::new().post(shop.gateway.at("/webhook")).body("of another secret");
    let detail = problem(webhook.send().await.unwrap(), 502).await;
    assert!(detail.contains("nothing was done"), "{detail}");
    assert_eq!(service.got().len(), 6);
}

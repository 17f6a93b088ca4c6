//! Keys that are free again, as nothing was done under them.

use ballet_stage::wait_until;
use reqwest::StatusCode;
use sqlx::{Connection, Executor, PgConnection};

use crate::support::gateway::{LIMIT, problem};
use crate::{counting, shop};

/// A new key is committed only when nobody holds the lock.
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

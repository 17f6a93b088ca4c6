//! Expired rows of keys.

use ballet_stage::wait_until;
use sqlx::{Connection, Executor, PgConnection};

use super::{KeyedShop, counting, shop};
use crate::support::gateway::LIMIT;

/// More than one statement removes.
const OLD: &str = "
    insert into gateway.idempotent_request
        (client, key, fingerprint, attempt, lease_until, expires_at)
    select 'c', 'k' || number, '', 1, now() - interval '3 days',
        now() - interval '2 days' + number * interval '1 second'
    from generate_series(1, 12000) as number";

pub(crate) async fn count(shop: &KeyedShop, table: &str) -> i64 {
    let mut database = PgConnection::connect(shop.database.url()).await.unwrap();
    let count = format!("select count(*) from gateway.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut database).await.unwrap()
}

#[tokio::test]
async fn what_is_over_is_removed_in_portions_and_what_is_used_again_meanwhile_stays() {
    let service = counting(201).await;
    let mut shop = shop(&service.upstream("a"), "").await;
    // The tables exist. The next gateway cleans at once.
    shop.gateway.signal("-KILL");
    assert!(!shop.gateway.ended().await);
    let connect = async || PgConnection::connect(shop.database.url()).await.unwrap();
    connect().await.execute(OLD).await.unwrap();
    // As if another gateway were using one of them again.
    let mut other = connect().await;
    let again = "begin; update gateway.idempotent_request set expires_at = now() + interval '1 day' \
                 where key = 'k1'";
    other.execute(again).await.unwrap();
    let _cleans = shop.another().await;
    wait_until("what is over to be gone", LIMIT, || async {
        let left = count(&shop, "idempotent_request").await;
        if left <= 1 { Ok(Some(())) } else { Err(format!("{left} are left")) }
    })
    .await
    .unwrap();
    other.execute("commit").await.unwrap();
    let kept = "select key from gateway.idempotent_request";
    let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut other).await.unwrap();
    assert_eq!(kept, ["k1"]);
}

//! A process that is frozen between commit and publish keeps its sessions and its locks. Another process publishes
//! its events, and when it wakes nothing is doubled.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ballet_stage::wait_until;
use sqlx::{Connection, PgConnection};

use crate::process::KillableService;
use crate::shop_processes::{ShopProcesses, goods};

const FROZEN: &str = "after_commit@done:reserve_stock";
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t193_another_process_publishes_what_a_frozen_one_left_and_nothing_is_doubled() {
    let place =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("frozen-{}", std::process::id()));
    let shop = ShopProcesses::new("frozen").await;
    let process = |service| KillableService::new(service, &shop.env, &place);
    let processes = shop.start(process).await;
    shop.fill().await;
    let at = processes.iter().position(|one| one.service == "inventory").expect("a service");
    processes[at].freeze(FROZEN);
    let order = shop.place(&goods("card_approved")).await;
    wait_until("a frozen process", SOON, || async {
        Ok::<_, String>(processes[at].is_frozen().then_some(()))
    })
    .await
    .expect("frozen");

    let begun = Instant::now();
    let mut other = KillableService::new("inventory", &shop.env, &place.join("other"));
    other.start();
    shop.services.serves("inventory", other.serving().await);
    shop.ends(&order, "completed").await;
    eprintln!("the order was completed {:?} after its process froze", begun.elapsed());
    assert_eq!(locks(&shop).await, 2, "the frozen process holds its lock");

    processes[at].wake();
    shop.dropped_a_copy("payments", "inventory.stock_reserved.v1").await;
    let next = shop.place(&goods("card_approved")).await;
    shop.ends(&next, "completed").await;
    shop.are_sound(&[order, next]).await;
    shop.is_sound().await;
    shop.is_quiet().await;
    drop((processes, other));
    std::fs::remove_dir_all(&place).expect("removed");
}

/// Returns the number of processes of inventory that hold their liveness lock.
async fn locks(shop: &ShopProcesses) -> i64 {
    let mut db =
        PgConnection::connect(shop.env.database_url("inventory")).await.expect("a database");
    let held = "select count(*) from pg_locks \
                where locktype = 'advisory' and classid::bigint = 6450292 and granted \
                and database = (select oid from pg_database where datname = current_database())";
    let (held,): (i64,) = sqlx::query_as(held).fetch_one(&mut db).await.expect("locks");
    held
}

//! A process that is frozen between commit and publish keeps its sessions and locks. Another process publishes its
//! events, and nothing is doubled when it wakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ballet::Settings;
use ballet_stage::{OwnProcess, wait_until};
use tracing_subscriber::filter::LevelFilter;

use crate::shop::{SOON, Shop, mugs};

const AMQP: &str = "FROZEN_AMQP_URL";
const DATABASE: &str = "FROZEN_DATABASE_URL";
const FROZEN: &str = "after_commit@done:reserve_stock";

/// Starts a process of its own, which notes its fault points in this directory.
async fn inventory(shop: &Shop, place: &Path) -> OwnProcess {
    fs::create_dir_all(place).expect("a directory");
    let log = fs::File::create(place.join("log")).expect("a log");
    let process = OwnProcess::start("frozen::service", |command| {
        command
            .env(AMQP, shop.env.amqp_url("inventory"))
            .env(DATABASE, shop.env.database_url("inventory"))
            .env("BALLET_FAULTS", place)
            .stderr(log);
    });
    let mut process = process.expect("a process");
    process.serving().await.expect("it serves");
    process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t193_another_process_publishes_what_a_frozen_one_left_and_nothing_is_doubled() {
    let place =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("frozen-{}", std::process::id()));
    let mut shop = Shop::open("frozen").await;
    shop.stop("inventory").await;
    let first = inventory(&shop, &place).await;
    fs::write(place.join("freeze.new"), FROZEN).expect("a point");
    fs::rename(place.join("freeze.new"), place.join("freeze")).expect("a point");
    let order = shop.place_order(&mugs(1, "card_approved")).await;
    wait_until("a frozen process", SOON, || async {
        Ok::<_, String>((!place.join("freeze").exists()).then_some(()))
    })
    .await
    .expect("frozen");

    let begun = Instant::now();
    let second = inventory(&shop, &place.join("other")).await;
    shop.order_is(&order, "completed").await;
    eprintln!("the order was completed {:?} after its process froze", begun.elapsed());
    assert_eq!(locks(&shop).await, 2, "the frozen process holds its lock");

    first.thaw().expect("it wakes");
    let copy = r#"ballet_messages_total{type="inventory.stock_reserved.v1",outcome="duplicate"}"#;
    wait_until("payments to drop the copy", SOON, || async {
        let metrics = shop.client.get(format!("{}/metrics", shop.url("payments"))).send().await?;
        Ok::<_, reqwest::Error>(metrics.text().await?.contains(copy).then_some(()))
    })
    .await
    .expect("a duplicate");
    let next = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&next, "completed").await;
    shop.is_sound().await;
    assert!(shop.dead_letters(0).await.is_empty());
    drop((first, second));
    shop.close().await;
    fs::remove_dir_all(&place).expect("removed");
}

/// Counts processes of inventory that hold their liveness lock.
async fn locks(shop: &Shop) -> i64 {
    let held = "select count(*) from pg_locks \
                where locktype = 'advisory' and classid::bigint = 6450292 and granted \
                and database = (select oid from pg_database where datname = current_database())";
    let mut db = shop.database("inventory").await;
    sqlx::query_scalar(held).fetch_one(&mut db).await.expect("locks")
}

/// Not a test, but the entry of the processes.
#[test]
fn service() {
    let Ok(amqp_url) = std::env::var(AMQP) else { return };
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .init();
    let settings = Settings::new(amqp_url, std::env::var(DATABASE).expect("a setting"));
    OwnProcess::serve(inventory::Inventory::service, settings);
}

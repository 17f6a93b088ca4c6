//! A database that answers, and with which nothing can work: readiness is red, with the reason.

use std::time::{Duration, Instant};

use axum::Router;
use ballet::{Running, Settings};
use ballet_stage::{Options, Postgres, Servers};
use ballet_store::schema::hindrances::locks;
use ballet_testkit::health::{readiness, until_says};
use reqwest::Url;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::hotel::hotel;
use crate::stage::PressureStage;

/// Two looks of the service, with a second to spare.
const LOOKS: Duration = Duration::from_secs(11);

async fn stays_green(running: &Running) {
    let begun = Instant::now();
    while begun.elapsed() < LOOKS {
        let (status, said) = readiness(running.address()).await.expect("an answer");
        assert_eq!(status, 200, "{said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Breaks something, without a single message, and mends it.
async fn is_red(name: &str, breaks: &str, said: &str, mends: &str) {
    let stage = PressureStage::new(name, &hotel()).await;
    let running = stage.start(hotel()).await;
    stage.book("Rome");
    stage.until_count("room", 1).await;
    // It knows what there was.
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    tokio::task::yield_now().await;
    let mut db = stage.connect().await;
    db.execute(sqlx::raw_sql(AssertSqlSafe(breaks.to_owned()))).await.expect("broken");
    until_says(running.address(), 503, said).await;
    db.execute(sqlx::raw_sql(AssertSqlSafe(mends.to_owned()))).await.expect("mended");
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    stage.book("Oslo");
    stage.until_count("room where city = 'Oslo'", 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t222_a_table_that_somebody_holds_makes_readiness_red() {
    let lock = "begin; lock table room in exclusive mode";
    is_red("held", lock, "has locked the table room for", "rollback").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t222_rights_that_are_gone_make_readiness_red() {
    let revoke = "revoke insert on room from current_user";
    is_red(
        "revoked",
        revoke,
        "the right to INSERT on room is gone",
        "grant insert on room to current_user",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t222_a_schema_that_is_renamed_makes_readiness_red() {
    let rename = "alter schema ballet rename to elsewhere";
    let back = "alter schema elsewhere rename to ballet";
    is_red("renamed", rename, "cannot be found", back).await;
}

/// A table of the service's own may go while it works: the next release may have dropped it.
#[tokio::test(flavor = "multi_thread")]
async fn t222_a_table_of_the_services_own_may_go() {
    let stage = PressureStage::new("scratch", &hotel()).await;
    let mut db = stage.connect().await;
    db.execute("create table scratch (n int)").await.expect("made");
    let running = stage.start(hotel()).await;
    stage.book("Oslo");
    stage.until_count("room", 1).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    db.execute("drop table scratch").await.expect("dropped");
    stays_green(&running).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t222_a_table_of_others_may_be_held_and_its_rights_may_go() {
    let postgres = Postgres::shared().await.expect("Postgres");
    let stage = PressureStage::on(postgres, "others", &hotel()).await;
    let database = stage.url().parse::<PgConnectOptions>().expect("a URL");
    let database = database.get_database().expect("a name");
    let administrator = postgres.url().parse::<PgConnectOptions>().expect("a URL");
    let mut others = administrator.database(database).connect().await.expect("connected");
    let made = "create table report (n int); grant select, update on report to public";
    others.execute(sqlx::raw_sql(made)).await.expect("made");
    let running = stage.start(hotel()).await;
    stage.book("Rome");
    stage.until_count("room", 1).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;

    let held = "revoke all on report from public; begin; \
        lock table report, room in exclusive mode";
    others.execute(sqlx::raw_sql(held)).await.expect("held");
    let mut db = stage.connect().await;
    let locked: Vec<_> = locks(&mut db).await.expect("locks");
    assert_eq!(locked.iter().map(|lock| &*lock.table).collect::<Vec<_>>(), ["room"]);
    others.execute("rollback").await.expect("let go");
    others.execute("revoke all on report from public").await.expect("revoked");
    stays_green(&running).await;
    running.stop().await;
}

/// The tables of the server itself are its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_as_the_first_superuser_of_its_server_is_ready() {
    let postgres = Postgres::shared().await.expect("Postgres");
    let stage = PressureStage::on(postgres, "superuser", &hotel()).await;
    let mut url = Url::parse(postgres.url()).expect("a URL");
    url.set_path(Url::parse(stage.url()).expect("a URL").path());
    let set = |settings: &mut Settings| settings.database_url = Some(url.to_string());
    let running = stage.start_with(hotel(), |_| Router::new(), set).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    stays_green(&running).await;
    running.stop().await;
}

/// For root on Linux only: elsewhere there is no disk to fill.
#[tokio::test(flavor = "multi_thread")]
async fn t222_a_full_disk_makes_readiness_red() {
    let Ok(servers) = Servers::private(Options::fast().small_disks()).await else { return };
    let postgres = servers.postgres();
    if !postgres.has_small_disk() {
        return;
    }
    let stage = PressureStage::on(postgres, "full", &hotel()).await;
    let running = stage.start(hotel()).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    postgres.fill_disk().await.expect("full");
    until_says(running.address(), 503, "\"ready\":false").await;
    postgres.free_disk().await.expect("room");
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    stage.book("Oslo");
    stage.until_count("room", 1).await;
    running.stop().await;
}

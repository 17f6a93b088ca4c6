//! A database that answers but is unusable: readiness is red, with the reason.

use axum::Router;
use ballet::Settings;
use ballet_stage::Postgres;
use ballet_testkit::health::until_says;
use reqwest::Url;
use sqlx::Executor;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::PressureStage;

/// The fault, what the service reports, and how it is fixed.
const BROKEN: [[&str; 3]; 3] = [
    ["begin; lock table room in exclusive mode", "has locked the table room for", "rollback"],
    [
        "revoke insert on room from current_user",
        "the right to INSERT on room is gone",
        "grant insert on room to current_user",
    ],
    [
        "alter schema ballet rename to elsewhere",
        "cannot be found",
        "alter schema elsewhere rename to ballet",
    ],
];

#[tokio::test(flavor = "multi_thread")]
async fn t222_a_held_table_and_lost_rights_and_a_renamed_schema_make_readiness_red() {
    let stage = PressureStage::new("red", hotel()).await;
    let running = stage.start(hotel()).await;
    stage.book("Rome");
    stage.until_count("room", 1).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    let mut db = stage.connect().await;
    for ([breaks, said, mends], rooms) in BROKEN.into_iter().zip(2..) {
        db.execute(sqlx::raw_sql(breaks)).await.expect("broken");
        until_says(running.address(), 503, said).await;
        db.execute(sqlx::raw_sql(mends)).await.expect("mended");
        until_says(running.address(), 200, "\"database\":\"ok\"").await;
        stage.book("Oslo");
        stage.until_count("room", rooms).await;
    }
    running.stop().await;
}

/// As `POSTGRES_USER` of the public image is: it owns the server's own tables, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_as_the_servers_first_superuser_is_ready() {
    let stage = PressureStage::new("first", hotel()).await;
    let database: Url = stage.url().parse().expect("a URL");
    let postgres = Postgres::shared().await.expect("a Postgres");
    let mut url: Url = postgres.url().parse().expect("a URL");
    url.set_path(database.path());
    let set = |settings: &mut Settings| settings.database_url = Some(url.into());
    let running = stage.start_with(hotel(), |_| Router::new(), set).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    running.stop().await;
}

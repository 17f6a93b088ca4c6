//! A database that answers but is unusable: readiness is red, with the reason.

use axum::Router;
use ballet::Settings;
use ballet_stage::{Options, Postgres, Servers};
use ballet_testkit::health::until_says;
use reqwest::Url;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::PressureStage;

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

/// For root on Linux only; elsewhere there is no disk to fill.
#[tokio::test(flavor = "multi_thread")]
async fn t222_a_full_disk_makes_readiness_red() {
    let Ok(servers) = Servers::private(Options::fast().small_disks()).await else { return };
    let postgres = servers.postgres();
    if !postgres.has_small_disk() {
        return;
    }
    let stage = PressureStage::on(postgres, "full", hotel()).await;
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

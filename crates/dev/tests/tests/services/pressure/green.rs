//! A database that answers but is unusable: readiness is red, with the reason.

use axum::Router;
use ballet::Settings;
use ballet_stage::Postgres;
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

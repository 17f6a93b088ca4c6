//! A database that is away: one task asks for all, so that the server is not kept from coming back.

use std::time::Duration;

use axum::Router;
use ballet::Settings;
use ballet_stage::{Link, Proxy};
use ballet_testkit::health::until_says;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::PressureStage;

/// Longer than requests wait for a server that starts again.
const KNOWN: Duration = Duration::from_secs(5);
const COUNTED: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn one_knocks_for_all_while_the_database_is_away() {
    let stage = PressureStage::new("knocks", hotel()).await;
    let proxy = Proxy::to(stage.url()).await.expect("a proxy");
    let url = proxy.url().to_owned();
    let set = |settings: &mut Settings| settings.database_url = Some(url);
    let running = stage.start_with(hotel(), |_| Router::new(), set).await;
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    proxy.set(Link::Refused);
    until_says(running.address(), 503, "away").await;
    stage.book("Rome");
    tokio::time::sleep(KNOWN).await;
    let before = proxy.refused();
    tokio::time::sleep(COUNTED).await;
    let knocks = proxy.refused() - before;
    assert!((2..=8).contains(&knocks), "{knocks} in {COUNTED:?}");
    proxy.set(Link::Open);
    until_says(running.address(), 200, "\"database\":\"ok\"").await;
    stage.until_count("room", 1).await;
    running.stop().await;
}

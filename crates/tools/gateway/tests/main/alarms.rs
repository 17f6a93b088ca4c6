//! The metrics of a gateway that the alarms and the board ask for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet_stage::{Database, Postgres};

use crate::support::gateway::{Folder, Gateway};
use crate::support::raw::{self, nobody};
use crate::support::service::{ROUTE, TestService, text};
use crate::support::tokens::{SigningKey, jwt, set};

fn shipped(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/monitoring/");
    std::fs::read_to_string(format!("{root}{name}")).unwrap()
}

#[tokio::test]
async fn alarms_and_board_ask_for_metrics_that_a_gateway_has() {
    let database = Database::new(Postgres::shared().await.unwrap(), "alarms").await.unwrap();
    let folder = Folder::new();
    let config = format!(
        "[database]\nurl = \"{}\"\n{}{ROUTE}",
        database.url(),
        raw::upstream("a", &nobody())
    );
    let gateway = Gateway::start(&folder, &config).await;
    assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 503);
    let metrics = reqwest::get(format!("{}/metrics", gateway.private)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let asked = shipped("alarms.yml") + &shipped("board.json");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = asked.split(|c: char| !is_name(c)).filter(|name| name.starts_with("gateway_"));
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name} is not there");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_are_in_a_metric_and_count_on() {
    let (away, keys) = (Arc::new(AtomicBool::new(false)), set(&[&SigningKey::ed25519("ed")]));
    let is_away = Arc::clone(&away);
    let login = TestService::start(move |_| match is_away.load(Ordering::SeqCst) {
        true => text(500, "away"),
        false => text(200, &keys),
    })
    .await;
    let jwt = jwt().replace("jwks.json", &login.address) + "refresh = \"1s\"\n";
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &(jwt + &raw::upstream("a", &nobody()) + ROUTE)).await;
    gateway.private_says("/readyz", 200, "\"keys\":\"ok\"").await;
    gateway.private_says("/metrics", 200, "gateway_keys_old 0").await;
    away.store(true, Ordering::SeqCst);
    gateway.private_says("/metrics", 200, "gateway_keys_old 1").await;
    gateway.private_says("/readyz", 200, "\"keys\":\"old: ").await;
    away.store(false, Ordering::SeqCst);
    gateway.private_says("/metrics", 200, "gateway_keys_old 0").await;
}

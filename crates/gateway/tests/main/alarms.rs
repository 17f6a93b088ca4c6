//! The alarms about a gateway, and its dashboard, in a Prometheus with the shipped rules.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet_stage::{Database, Link, Postgres, Prometheus, Proxy, ScrapeTarget, wait_until};
use serde_json::Value;

use crate::support::gateway::{Folder, Gateway, LIMIT};
use crate::support::raw::{self, nobody};
use crate::support::service::{ROUTE, TestService, text};
use crate::support::tokens::{SigningKey, jwt, set};

const UPSTREAM: &str = "BalletUpstreamAway";
const DATABASE: &str = "BalletGatewayDatabaseAway";
const KEYS: &str = "BalletKeysOld";

const MINUTE: Duration = Duration::from_secs(2);

fn shipped(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/monitoring/");
    std::fs::read_to_string(format!("{root}{name}")).unwrap()
}

async fn watch(gateway: &Gateway) -> Prometheus {
    let target = ScrapeTarget::new("gateway", &format!("{}/metrics", gateway.private)).unwrap();
    Prometheus::start(&[target], &shipped("alarms.yml"), MINUTE).await.unwrap()
}

async fn until_only(prometheus: &Prometheus, alarms: &[&str]) {
    let alarms: BTreeSet<String> = alarms.iter().map(|alarm| (*alarm).to_owned()).collect();
    let what = format!("{alarms:?}");
    let rings = wait_until(&what, LIMIT, || async {
        let ringing = prometheus.ringing().await.map_err(|why| why.to_string())?;
        if ringing == alarms { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
    });
    rings.await.unwrap();
}

#[tokio::test]
async fn a_service_that_the_gateway_does_not_reach_rings_and_the_board_draws_it() {
    let folder = Folder::new();
    let breaker = "breaker = { failures = 1 }\nretries = 0\n";
    let config = raw::upstream("a", &nobody()) + breaker + ROUTE;
    let gateway = Gateway::start(&folder, &config).await;
    let prometheus = watch(&gateway).await;
    assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 503);
    until_only(&prometheus, &[UPSTREAM]).await;
    let board: Value = serde_json::from_str(&shipped("board.json")).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let drawn = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let drawn = drawn.map(|target| target["expr"].as_str().unwrap().replace("$job", ".*"));
    let asked = shipped("alarms.yml") + &drawn.collect::<Vec<_>>().join("\n");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = asked.split(|c: char| !is_name(c)).filter(|name| name.starts_with("gateway_"));
    // This gateway has no database.
    let names: BTreeSet<_> = names.filter(|name| *name != "gateway_database_away").collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        assert!(!prometheus.query(name).await.unwrap().is_empty(), "{name} is not there");
    }
}

#[tokio::test]
async fn a_gateway_whose_database_is_away_rings() {
    let database = Database::new(Postgres::shared().await.unwrap(), "alarms").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let folder = Folder::new();
    let config =
        format!("[database]\nurl = \"{}\"\n{}{ROUTE}", link.url(), raw::upstream("a", &nobody()));
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let prometheus = watch(&gateway).await;
    until_only(&prometheus, &[]).await;
    link.set(Link::Refused);
    link.cut();
    until_only(&prometheus, &[DATABASE]).await;
    link.set(Link::Open);
    until_only(&prometheus, &[]).await;
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_ring_and_count_on() {
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
    let prometheus = watch(&gateway).await;
    until_only(&prometheus, &[]).await;
    away.store(true, Ordering::SeqCst);
    until_only(&prometheus, &[KEYS]).await;
    gateway.private_says("/readyz", 200, "\"keys\":\"old: ").await;
    away.store(false, Ordering::SeqCst);
    until_only(&prometheus, &[]).await;
}

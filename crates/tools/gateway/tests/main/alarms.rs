//! The metrics that the alarms and the board need.

use ballet_stage::{Database, Postgres, Selector, samples};

use crate::support::gateway::Gateway;
use crate::support::raw::{self, nobody};
use crate::support::service::ROUTE;

fn shipped(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/monitoring/");
    std::fs::read_to_string(format!("{root}{name}")).unwrap()
}

#[tokio::test]
async fn alarms_and_board_ask_for_metrics_that_a_gateway_has() {
    let database = Database::new(Postgres::shared().await.unwrap(), "alarms").await.unwrap();
    let config = format!(
        "[database]\nurl = \"{}\"\n{}{ROUTE}",
        database.url(),
        raw::upstream("a", &nobody())
    );
    let gateway = Gateway::start(&config).await;
    assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 503);
    let metrics = reqwest::get(format!("{}/metrics", gateway.private)).await.unwrap();
    let metrics = samples(&metrics.text().await.unwrap());
    let asked = Selector::all_of(&(shipped("alarms.yml") + &shipped("board.json")));
    let asked: Vec<_> = asked.iter().filter(|of| of.metric.starts_with("gateway_")).collect();
    assert!(asked.len() > 4, "{asked:?}");
    for selector in asked {
        assert!(selector.is_in(&metrics), "{selector:?} is not there");
    }
}

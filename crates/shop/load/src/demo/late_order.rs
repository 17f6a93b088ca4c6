//! An order whose deadline passes because a participant is stopped.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::{Clock, Event};
use ballet_stage::{ServiceLaunch, ServiceProcess};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::Value;
use shop_events::orders::OrderCompleted;
use tokio::time::timeout;
use uuid::Uuid;

use crate::cases::{self, LATE};
use crate::demo::orders::DemoOrders;
use crate::demo::tap::Tap;
use crate::open_shop::OpenShop;
use ballet_terminal::ui;
use ballet_trials::send_until_answered;

/// The deadline of this order.
const DEADLINE_SECONDS: &str = "2";
const PATIENCE: Duration = Duration::from_secs(60);

/// Places one order that times out while shipping is stopped.
pub(crate) async fn play(shop: &OpenShop, tap: &Tap, orders: &DemoOrders) -> Result<()> {
    ui::say(&format!(
        "one order has a deadline of {DEADLINE_SECONDS} seconds, and shipping is stopped meanwhile"
    ));
    // The process that starts an order sets its deadline. The other process would set the usual one.
    let mut hurried = ServiceProcess::start(&shop.stage.children, hurried(shop)?).await?;
    let cancelled = async {
        hurried.ready(&shop.stage.http).await?;
        shop.stage.signal("shipping", Signal::STOP);
        let id = order(shop, &hurried.url).await?;
        orders.add_alone(id, &LATE);
        let ended = timeout(PATIENCE, tap.wait_for(id, OrderCompleted::TYPE)).await;
        ended.with_context(|| format!("the deadline of order {id} does not pass"))?
    };
    let cancelled = cancelled.await;
    shop.stage.signal("shipping", Signal::CONT);
    hurried.stop().await;
    cancelled
}

/// Returns the launch of a second process of `orders`, with a short deadline.
fn hurried(shop: &OpenShop) -> Result<ServiceLaunch> {
    let orders = shop.stage.services.iter().find(|service| service.launch.name == "orders");
    let orders = orders.context("orders is not running")?;
    Ok(ServiceLaunch {
        env: vec![("ORDER_DEADLINE_SECONDS".to_owned(), DEADLINE_SECONDS.to_owned())],
        log: shop.logs().join("orders-short-deadline.log"),
        ..orders.launch.clone()
    })
}

async fn order(shop: &OpenShop, orders_url: &str) -> Result<Uuid> {
    let clock = Clock::system();
    let checkout = cases::checkout(&LATE, 0, clock.new_id(clock.now()))?;
    let url = format!("{orders_url}/orders");
    let reply = send_until_answered(shop.stage.http.post(&url).json(&checkout)).await?;
    let (status, body) = (reply.status(), reply.text().await?);
    let order: Value = serde_json::from_str(&body).unwrap_or_default();
    let id = order["order_id"].as_str().and_then(|id| id.parse().ok());
    match id.filter(|_| status == StatusCode::CREATED) {
        Some(id) => Ok(id),
        None => bail!("POST {url} answered {status}: {body}"),
    }
}

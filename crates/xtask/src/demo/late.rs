//! An order whose deadline passes, since a participant is silent.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::{Clock, Event};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::Value;
use shop_events::orders::OrderCompleted;
use tokio::time::timeout;
use uuid::Uuid;

use super::cases::{self, LATE};
use super::journal::Tap;
use super::place::{Placed, answer};
use super::service::{Launch, Service};
use super::stage::Stage;
use crate::ui;

/// How long this order may take.
const DEADLINE_SECONDS: &str = "2";
const PATIENCE: Duration = Duration::from_secs(60);

/// Has one order time out while shipping is held; says so to who watches.
pub(crate) async fn play(stage: &Stage, tap: &Tap, placed: &Placed) -> Result<()> {
    ui::say(&format!("one order gets {DEADLINE_SECONDS} seconds, and shipping is held meanwhile"));
    // Whoever begins an order gives it its time. The others get the usual one.
    let mut hurried = Service::start(&stage.children, hurried(stage)?).await?;
    let cancelled = async {
        hurried.ready(&stage.http).await?;
        stage.signal("shipping", Signal::STOP);
        let id = order(stage, &hurried.url).await?;
        placed.add_alone(id, LATE);
        let ended = timeout(PATIENCE, tap.hear(id, OrderCompleted::TYPE)).await;
        ended.with_context(|| format!("the deadline of order {id} does not pass"))?
    };
    let cancelled = cancelled.await;
    stage.signal("shipping", Signal::CONT);
    hurried.stop().await;
    cancelled
}

/// One more orders, in a hurry.
fn hurried(stage: &Stage) -> Result<Launch> {
    let orders = stage.services.iter().find(|service| service.launch.name == "orders");
    let orders = orders.context("orders does not run")?;
    Ok(Launch {
        env: vec![("ORDER_DEADLINE_SECONDS", DEADLINE_SECONDS.to_owned())],
        log: stage.logs().join("orders-in-a-hurry.log"),
        ..orders.launch.clone()
    })
}

async fn order(stage: &Stage, at: &str) -> Result<Uuid> {
    let clock = Clock::system();
    let checkout = cases::checkout(&LATE, 0, clock.new_id(clock.now()))?;
    let url = format!("{at}/orders");
    let reply = answer(stage.http.post(&url).json(&checkout)).await?;
    let (status, body) = (reply.status(), reply.text().await?);
    let order: Value = serde_json::from_str(&body).unwrap_or_default();
    let id = order["order_id"].as_str().and_then(|id| id.parse().ok());
    match id.filter(|_| status == StatusCode::CREATED) {
        Some(id) => Ok(id),
        None => bail!("POST {url} answered {status}: {body}"),
    }
}

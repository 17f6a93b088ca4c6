//! An order whose deadline passes while payments is down.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cases::LATE;
use crate::degradation::operation::Operation;
use crate::degradation::outage::{felt, is_sound};
use crate::degradation::shop::Shop;

/// Without it no order is paid.
pub(crate) const STOPPED: &str = "payments";
/// Long enough for orders to take the order, and short for a run.
const DEADLINE_SECONDS: u32 = 5;

/// What became of an order that was not paid in time.
#[derive(Debug)]
pub(crate) struct Overdue {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) deadline_seconds: u32,
}

/// Places an order without payments, waits for its end, and starts payments again. Afterwards orders has
/// a short deadline, so this comes last.
pub(crate) async fn suffer(shop: &mut Shop) -> Result<Overdue> {
    let deadline = DEADLINE_SECONDS.to_string();
    shop.start_with("orders", "ORDER_DEADLINE_SECONDS", deadline).await?;
    // The gateway has to notice that orders is back.
    felt(shop, Operation::Read, "").await?;
    shop.kill(STOPPED).await?;
    let customer = shop.visitor.customer.clone();
    let order = customer.buy(&customer.checkout(&LATE, 0)?).await?;
    customer
        .ends(order, LATE.end)
        .await
        .context("payments is down, and the deadline has passed")?;
    let read = customer.get(&format!("/orders/{order}")).send().await?;
    let read: Value = read.error_for_status()?.json().await?;
    let said = |name: &str| read[name].as_str().unwrap_or_default().to_owned();
    let reason = said("reason");
    ensure!(reason == "deadline_passed", "order {order} ended otherwise: {read}");
    shop.start(STOPPED).await?;
    shop.placed += 1;
    is_sound(shop).await?;
    let status = customer.status(order).await?;
    Ok(Overdue { status, reason, deadline_seconds: DEADLINE_SECONDS })
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, reason, deadline_seconds } = self;
        write!(
            f,
            "without {STOPPED} an order with a deadline of {deadline_seconds} s is {status}: {reason}"
        )
    }
}

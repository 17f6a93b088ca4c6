//! Orders at a steady rate through the gateway, from checkout to confirmation.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_ops::terminal::{Cell, Table, ui};
use ballet_stage::wait_until;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::load::cases::GOOD;
use crate::load::customer::{BUYS, Customer, cart_of};
use crate::load::open_shop::OpenShop;
use crate::load::products;
use crate::load::stock::PLENTY;

const RATE: u32 = 40;
/// The gateway lets each of them write 60 times a minute.
const CUSTOMERS: usize = 200;
/// A cart is filled this long before its checkout is due.
const AHEAD: Duration = Duration::from_secs(2);
/// The time in which orders do not count.
const WARM_UP: Duration = Duration::from_secs(5);
/// At least this long before another read of the order's status. The pause is a twentieth of the time so far, so that
/// slow orders do not use up a customer's reads.
const LOOK: Duration = Duration::from_millis(20);
const SHARE: u32 = 20;
/// The limit for an order that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The times since the checkout was due.
#[derive(Debug, Clone, Copy)]
struct OrderTimes {
    answered: Duration,
    confirmed: Duration,
}

/// The times of all orders, sorted.
#[derive(Debug)]
pub struct CheckoutTimes {
    time: Duration,
    answered: Vec<Duration>,
    confirmed: Vec<Duration>,
}

/// Runs checkouts at the steady rate for this long, however long earlier orders take.
///
/// # Errors
///
/// Returns an error if the shop refuses an order, or does not confirm it.
pub async fn measure(shop: &OpenShop, time: Duration) -> Result<CheckoutTimes> {
    let (gateway, merchant) = (&shop.gateway, &shop.merchant);
    products::publish_all(&merchant.http, &merchant.shop).await?;
    let mut customers = Vec::new();
    for _ in 0..CUSTOMERS {
        customers.push(Customer::new(gateway, BUYS, PATIENCE).await?);
    }
    // After these purchases cart knows all products.
    for (number, customer) in customers.iter().take(PLENTY.len()).enumerate() {
        let bought = wait_until("an order, once cart knows its products", PATIENCE, || async {
            order(customer, number, Instant::now()).await.map(Some)
        });
        bought.await?;
    }
    ui::say(&format!("{RATE} orders a second through the gateway, for {time:.0?}"));
    let begin = Instant::now() + AHEAD;
    let every = Duration::from_secs(1) / RATE;
    let (mut orders, mut due) = (JoinSet::new(), Duration::ZERO);
    for (number, customer) in customers.iter().cycle().enumerate() {
        if due >= WARM_UP + time {
            break;
        }
        tokio::time::sleep_until((begin + due - AHEAD).into()).await;
        let (customer, at) = (customer.clone(), begin + due);
        orders.spawn(async move { (at, order(&customer, number, at).await) });
        due += every;
    }
    let (mut answered, mut confirmed) = (Vec::new(), Vec::new());
    while let Some(ended) = orders.join_next().await {
        let (at, took) = ended.context("a customer failed")?;
        let took = took?;
        if at >= begin + WARM_UP {
            answered.push(took.answered);
            confirmed.push(took.confirmed);
        }
    }
    answered.sort_unstable();
    confirmed.sort_unstable();
    Ok(CheckoutTimes { time, answered, confirmed })
}

/// Checks the cart out when it is due, and reads the order until it is confirmed.
async fn order(customer: &Customer, number: usize, due: Instant) -> Result<OrderTimes> {
    let checkout = customer.checkout(&GOOD, number)?;
    let (status, cart) = send(customer.post_json("/carts", &cart_of(&checkout))).await?;
    if status != StatusCode::CREATED {
        bail!("a cart was answered with {status}: {cart}");
    }
    tokio::time::sleep_until(due.into()).await;
    let (status, placed) = send(customer.check_out(&cart, &checkout)).await?;
    let answered = due.elapsed();
    let order = placed["order_id"].as_str().filter(|_| status.is_success());
    let order =
        order.with_context(|| format!("a checkout was answered with {status}: {placed}"))?;
    let path = format!("/orders/{order}");
    loop {
        let (status, order) = send(customer.get(&path)).await?;
        match (status, order["status"].as_str()) {
            (StatusCode::OK, Some("confirmed" | "completed")) => {
                return Ok(OrderTimes { answered, confirmed: due.elapsed() });
            }
            // The order of a checkout exists a moment later.
            (StatusCode::NOT_FOUND, _) | (StatusCode::OK, Some("placed")) => {}
            _ => bail!("GET {path} was answered with {status}: {order}"),
        }
        if due.elapsed() > PATIENCE {
            bail!("{path} is not confirmed after {PATIENCE:?}: {order}");
        }
        tokio::time::sleep(LOOK.max(due.elapsed() / SHARE)).await;
    }
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// Returns the value that this percentage does not exceed.
fn at_share(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

impl fmt::Display for CheckoutTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, answered, confirmed } = self;
        let header = ["from the due checkout", "p50 ms", "p99 ms", "slowest"];
        let mut table = Table::new(header).right(1..=3);
        for (what, times) in
            [("to its answer", answered), ("until the order is seen confirmed", confirmed)]
        {
            let at = |percent| match at_share(times, percent) {
                Some(time) => format!("{:.0}", time.as_secs_f64() * 1e3),
                None => String::new(),
            };
            table.row([what.to_owned(), at(50), at(99), at(100)].map(Cell::from));
        }
        let orders = confirmed.len();
        writeln!(
            f,
            "\nOrders through the gateway: {RATE} carts a second checked out for {time:.0?}, open \
             loop, {orders} orders\n{table}"
        )?;
        write!(f, "  looked at by GET every {LOOK:?}, later every twentieth of the time so far")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(at_share(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(at_share(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(at_share(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(at_share(&[], 99), None);
    }

    #[test]
    fn the_table_has_both_times() {
        let times = |first: u64| (first..first + 100).map(Duration::from_millis).collect();
        let took = CheckoutTimes {
            time: Duration::from_secs(60),
            answered: times(1),
            confirmed: times(101),
        };
        let rows: Vec<Vec<String>> = took
            .to_string()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        let ends = |row: &Vec<String>, with: [&str; 3]| row.ends_with(&with.map(str::to_owned));
        assert!(rows.iter().any(|row| ends(row, ["50", "99", "100"])), "{took}");
        assert!(rows.iter().any(|row| ends(row, ["150", "199", "200"])), "{took}");
    }
}

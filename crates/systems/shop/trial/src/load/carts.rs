//! Orders that begin with a cart.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

/// The time for which a customer asks again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Puts the goods of a checkout into a cart and checks it out. Returns the order. A request without an answer is
/// sent again, which makes no second order. `cart_url` returns the URL of a live process.
pub(crate) async fn buy(
    http: &Client,
    cart_url: impl AsyncFn() -> Result<String>,
    checkout: &CartCheckedOut,
) -> Result<Uuid> {
    let CartCheckedOut { customer_id, lines, card_token, ship_to, .. } = checkout;
    let items = lines.iter().map(|line| json!({ "sku": line.sku, "quantity": line.quantity }));
    let new = json!({ "customer_id": customer_id, "items": items.collect::<Value>() });
    let opened = repeat_until_done(async || {
        Ok(http.post(format!("{}/carts", cart_url().await?)).json(&new))
    })
    .await?;
    let cart_id = opened["cart_id"].as_str().context("a cart without an id")?;
    let terms = json!({ "card_token": card_token, "ship_to": ship_to });
    let bought = repeat_until_done(async || {
        let request = http.post(format!("{}/carts/{cart_id}/checkout", cart_url().await?));
        Ok(request.header("If-Match", "\"1\"").json(&terms))
    });
    let bought = bought.await?;
    bought["order_id"].as_str().context("a checkout without an order")?.parse().map_err(Into::into)
}

/// Repeats a request until the service has done it.
async fn repeat_until_done(request: impl AsyncFn() -> Result<RequestBuilder>) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let attempt = async {
            let answer = request().await?.send().await?;
            let status = answer.status();
            anyhow::Ok((status, answer.json::<Value>().await?))
        };
        match attempt.await {
            Ok((StatusCode::OK | StatusCode::CREATED, answer)) => return Ok(answer),
            // A product that was just published may not be known yet.
            Ok((status, answer)) if !may_pass(status) || begun.elapsed() > PATIENCE => {
                bail!("a cart answered {status}: {answer}")
            }
            Err(error) if begun.elapsed() > PATIENCE => return Err(error),
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::UNPROCESSABLE_ENTITY
}

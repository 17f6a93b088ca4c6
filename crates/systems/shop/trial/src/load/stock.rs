//! The stock of the shop, and how the shelves are filled.

use anyhow::{Context, Result};
use ballet_trials::{Site, send_until_answered};
use reqwest::Client;
use serde_json::json;

pub(crate) const PLENTY: [(&str, i64); 4] =
    [("mug", 1_250), ("teapot", 3_900), ("kettle", 5_495), ("spoon", 310)];
pub(crate) const RARE: (&str, u64) = ("lamp", 3);
/// The version that is sold, and its price.
pub(crate) const RARE_PRICE: (i64, i64) = (2, 7_900);

/// The stock of each product that never runs out.
const ENOUGH: u64 = 1_000_000;

/// Books what the orders need into inventory, at the service or through the gateway.
///
/// # Errors
///
/// Returns an error if inventory refuses it.
pub(crate) async fn fill_shelves(http: &Client, inventory: &str) -> Result<()> {
    let plenty = PLENTY.map(|(sku, _)| (sku, ENOUGH));
    for (sku, quantity) in plenty.into_iter().chain([RARE]) {
        let url = format!("{inventory}/stock/{sku}/receive");
        let note = json!({ "receipt": "opening", "quantity": quantity });
        // A receipt counts once, however often the request is repeated on a busy machine.
        let request = http.post(&url).header("Idempotency-Key", format!("opening-{sku}"));
        let answer = send_until_answered(request.json(&note)).await;
        answer
            .and_then(|answer| Ok(answer.error_for_status()?))
            .with_context(|| format!("cannot receive stock of {sku}"))?;
    }
    Ok(())
}

pub(crate) async fn receive(site: &Site, number: usize, sku: &str, quantity: usize) -> Result<()> {
    let url = format!("{}/stock/{sku}/receive", site.url("inventory", number).await?);
    let note = json!({ "receipt": format!("note-{number}"), "quantity": quantity });
    send_until_answered(site.http.post(url).json(&note)).await?.error_for_status()?;
    Ok(())
}

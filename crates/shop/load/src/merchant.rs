//! The merchant: products that come, get another price and go, and goods that come in, at a steady pace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_trials::Site;
use reqwest::Client;
use serde_json::Value;

use crate::products::{publish, reprice, withdraw};
use crate::stock;

/// The pause after each product.
const PAUSE: Duration = Duration::from_millis(250);

/// What comes in, under a delivery note each time.
const GOODS: &str = "pen";
const ON_A_NOTE: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Merchant {
    next: AtomicUsize,
    /// The delivery notes that inventory has confirmed.
    confirmed: AtomicUsize,
}

impl Merchant {
    /// Brings products until the time is over. One whose change is not answered stays as it is.
    pub(crate) async fn run(&self, site: &Site, until: Instant) -> Result<()> {
        while Instant::now() < until {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            // Unanswered changes are no fault of the catalog. The oracle finds those that are lost.
            product(site, number).await.ok();
            if stock::receive(site, number, GOODS, ON_A_NOTE).await.is_ok() {
                self.confirmed.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Whether each delivery note has counted once, with the URL of inventory. One without an answer may have
    /// counted.
    pub(crate) async fn audit(&self, http: &Client, inventory: &str) -> Result<Vec<String>> {
        let (begun, confirmed) =
            (self.next.load(Ordering::Relaxed), self.confirmed.load(Ordering::Relaxed));
        if begun == 0 {
            return Ok(Vec::new());
        }
        let stock: Value =
            http.get(format!("{inventory}/stock/{GOODS}")).send().await?.json().await?;
        let received = stock["received"].as_u64().and_then(|n| usize::try_from(n).ok());
        let received = received.unwrap_or_default();
        let once = ON_A_NOTE * confirmed..=ON_A_NOTE * begun;
        let holds = once.contains(&received) && received.is_multiple_of(ON_A_NOTE);
        let line = format!(
            "inventory counted {received} of {GOODS}, on {begun} notes of {ON_A_NOTE}, of which it \
             confirmed {confirmed}"
        );
        Ok(if holds { Vec::new() } else { vec![line] })
    }
}

async fn product(site: &Site, number: usize) -> Result<()> {
    let (http, sku) = (&site.http, format!("vase-{number}"));
    // Another process may do each of the changes.
    let url = async |at| site.url("catalog", at).await;
    publish(http, &url(number).await?, &sku, 1_000).await?;
    for version in 1..4 {
        let price = 1_000 + 10 * version;
        reprice(http, &url(number + 1).await?, &sku, version, price).await?;
    }
    // Every other product stays.
    if number.is_multiple_of(2) {
        withdraw(http, &url(number + 2).await?, &sku, 4).await?;
    }
    Ok(())
}

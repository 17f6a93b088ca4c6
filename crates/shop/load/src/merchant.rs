//! The merchant: products that come, get another price and go, at a steady pace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_trials::Site;

use crate::products::{publish, reprice, withdraw};

/// The pause after each product.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(crate) struct Merchant {
    next: AtomicUsize,
}

impl Merchant {
    /// Brings products until the time is over. One whose change is not answered stays as it is.
    pub(crate) async fn run(&self, site: &Site, until: Instant) -> Result<()> {
        while Instant::now() < until {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            // Unanswered changes are no fault of the catalog. The oracle finds those that are lost.
            product(site, number).await.ok();
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
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

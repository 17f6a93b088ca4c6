//! The merchant changes products and receives goods, at a steady pace.

use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_trials::{Site, SiteClient};

use crate::load::products::{publish, receive, reprice, withdraw};

const PAUSE: Duration = Duration::from_millis(250);

/// Received each time with a new delivery note.
const GOODS: &str = "pen";
const ON_A_NOTE: u64 = 10;

/// Runs until the time is over. A product whose change has no answer stays as it is.
pub(crate) async fn run(site: &Site, until: Instant) {
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        // The audit finds lost changes; an unanswered one is no fault.
        product(site, number).await.ok();
        let note = format!("note-{}", site.new_id());
        receive(SiteClient::new(site, number), GOODS, &note, ON_A_NOTE).await.ok();
        tokio::time::sleep(PAUSE).await;
    }
}

async fn product(site: &Site, number: usize) -> Result<()> {
    let sku = format!("vase-{}", site.new_id());
    // Each change may reach another process.
    let client = |at| SiteClient::new(site, number + at);
    publish(client(0), &sku, 1_000).await?;
    for version in 1..4 {
        reprice(client(1), &sku, version, 1_000 + 10 * version).await?;
    }
    // Every other product stays.
    if number.is_multiple_of(2) {
        withdraw(client(2), &sku, 4).await?;
    }
    Ok(())
}

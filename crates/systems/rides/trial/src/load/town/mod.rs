//! A made-up town for the demo: a few hundred drivers, their riders, and a map.

mod drivers;
mod life;
mod page;
mod plan;
mod riders;
mod snapshot;

use std::sync::Arc;

use anyhow::Result;
use ballet_trials::Site;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::load::town::life::{Resident, SharedTown};
use crate::load::town::snapshot::TownSnapshot;

const DRIVERS: usize = 240;
const RIDERS: usize = 56;

/// Serves the map until this future is dropped.
pub(crate) async fn live(site: &Arc<Site>, calm: watch::Receiver<bool>) -> Result<()> {
    let (seeing, seen) = watch::channel(Arc::new(TownSnapshot::default()));
    let served = page::serve(seen.clone(), calm.clone());
    let site = Arc::clone(site);
    let town = SharedTown { site, seen, calm };
    let mut lives: FuturesUnordered<LocalBoxFuture<'_, Result<()>>> = FuturesUnordered::new();
    for (number, driver) in (0..).zip(Resident::many(&town.site, DRIVERS, "rides:drive").await?) {
        lives.push(Box::pin(drivers::drive(&town, number, driver)));
    }
    for (number, rider) in (0..).zip(Resident::many(&town.site, RIDERS, "rides:ride").await?) {
        lives.push(Box::pin(riders::ride(&town, number, rider)));
    }
    let all = async { lives.next().await.unwrap_or(Ok(())) };
    tokio::select! {
        failed = all => failed,
        failed = served => failed,
        failed = snapshot::look(&town.site, &seeing) => failed,
    }
}

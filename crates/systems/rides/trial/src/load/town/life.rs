//! The town as its drivers and riders share it.

use std::sync::Arc;

use anyhow::Result;
use ballet_trials::Site;
use tokio::sync::watch;
use uuid::Uuid;

use crate::load::town::snapshot::TownSnapshot;

#[derive(Debug)]
pub(crate) struct SharedTown {
    pub(crate) site: Arc<Site>,
    pub(crate) seen: watch::Receiver<Arc<TownSnapshot>>,
    /// While it is calm, nobody orders a ride.
    pub(crate) calm: watch::Receiver<bool>,
}

#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) id: Uuid,
    pub(crate) token: Option<String>,
}

impl Resident {
    pub(crate) async fn many(site: &Site, count: usize, scope: &str) -> Result<Vec<Self>> {
        let made = site.subjects(count, scope).await?;
        Ok(made.into_iter().map(|(id, token)| Self { id, token }).collect())
    }
}

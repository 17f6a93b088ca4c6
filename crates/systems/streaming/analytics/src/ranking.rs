//! The most watched titles, computed once in a few seconds, so that many requests do not slow down the database.

use std::collections::HashMap;
use std::sync::Arc;

use ballet::Handle;
use ballet::http::Problem;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::store::reports::{WatchedTitle, most_watched};
use crate::window::RankingWindow;

/// Up to this age a ranking is shown.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
pub(crate) const LONGEST: u16 = 100;

/// The titles that were watched most.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Ranking {
    /// The time that the ranking covers.
    pub(crate) window: RankingWindow,
    /// When the ranking was computed.
    pub(crate) as_of: Timestamp,
    /// The titles, the most watched first.
    pub(crate) titles: Vec<WatchedTitle>,
}

/// The newest rankings. The request that computes one holds the lock, and others wait for it.
#[derive(Debug, Clone)]
pub(crate) struct Rankings {
    handle: Handle,
    newest: Arc<Mutex<HashMap<RankingWindow, Ranking>>>,
}

impl Rankings {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, newest: Arc::default() }
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns one that is a few seconds old at most.
    pub(crate) async fn get(&self, window: RankingWindow) -> Result<Ranking, Problem> {
        let mut newest = self.newest.lock().await;
        let as_of = self.handle.now();
        let known = newest.get(&window).filter(|known| {
            let age = as_of.duration_since(known.as_of);
            !age.is_negative() && age < FRESH
        });
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let mut db = self.handle.db().acquire().await?;
        let titles = most_watched(&mut db, window, as_of, usize::from(LONGEST)).await?;
        let ranking = Ranking { window, as_of, titles };
        newest.insert(window, ranking.clone());
        Ok(ranking)
    }
}

//! The most watched titles, computed once in a few seconds, apart from the requests. So many requests slow down
//! neither the database nor the answers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use ballet::Handle;
use ballet::http::Problem;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::reports::{WatchedTitle, most_watched};
use crate::window::RankingWindow;

/// Up to this age a ranking counts as the newest.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// Up to this age a ranking is shown. After that, requests wait for the next one.
const OLDEST: SignedDuration = SignedDuration::from_secs(10);
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

/// The newest rankings, with the lock for computing the next ones.
#[derive(Debug, Clone)]
pub(crate) struct Rankings {
    handle: Handle,
    newest: Arc<std::sync::Mutex<HashMap<RankingWindow, Arc<Ranking>>>>,
    /// The request that computes holds it. Others wait, or take the ranking before.
    turn: Arc<Mutex<()>>,
}

impl Rankings {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, newest: Arc::default(), turn: Arc::default() }
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns one that is a few seconds old at most. While the next one is computed, the one before is returned.
    pub(crate) async fn get(&self, window: RankingWindow) -> Result<Arc<Ranking>, Problem> {
        let Some(known) = self.newest(window, OLDEST) else {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            return self.compute(window, turn).await;
        };
        if self.newest(window, FRESH).is_none()
            && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
        {
            let rankings = self.clone();
            // An error shows again in the request that finds this ranking too old.
            tokio::spawn(async move { rankings.compute(window, turn).await.map(drop) });
        }
        Ok(known)
    }

    async fn compute(
        &self,
        window: RankingWindow,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Arc<Ranking>, Problem> {
        if let Some(known) = self.newest(window, FRESH) {
            return Ok(known);
        }
        let as_of = self.handle.now();
        let mut db = self.handle.db().acquire().await?;
        let titles = most_watched(&mut db, window, as_of, usize::from(LONGEST)).await?;
        let ranking = Arc::new(Ranking { window, as_of, titles });
        self.lock().insert(window, Arc::clone(&ranking));
        drop(turn);
        Ok(ranking)
    }

    fn newest(&self, window: RankingWindow, limit: SignedDuration) -> Option<Arc<Ranking>> {
        let known = self.lock().get(&window).cloned()?;
        let age = self.handle.now().duration_since(known.as_of);
        (!age.is_negative() && age < limit).then_some(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RankingWindow, Arc<Ranking>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

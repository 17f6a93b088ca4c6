//! What is watched most. It is computed once in a few seconds, whoever asks, and beside those who ask: neither the
//! database nor an answer becomes slower by many askers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use ballet::Handle;
use ballet::http::Problem;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::watched::{Watched, most_watched};
use crate::window::Window;

/// For how long a ranking is the newest.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// An older one is not shown: whoever asks waits for the next.
const OLDEST: SignedDuration = SignedDuration::from_secs(10);
/// The longest ranking that is asked for.
pub(crate) const LONGEST: u16 = 100;

/// The titles that are watched most.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Ranking {
    /// The time that it is about.
    pub(crate) window: Window,
    /// When it was computed.
    pub(crate) as_of: Timestamp,
    /// The titles, the most watched first.
    pub(crate) titles: Vec<Watched>,
}

/// The newest rankings, and who computes the next ones.
#[derive(Debug, Clone)]
pub(crate) struct Rankings {
    handle: Handle,
    newest: Arc<std::sync::Mutex<HashMap<Window, Arc<Ranking>>>>,
    /// One computes, and the others wait for that or take the one before.
    turn: Arc<Mutex<()>>,
}

impl Rankings {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, newest: Arc::default(), turn: Arc::default() }
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns a ranking that is some seconds old at most. While the next one is computed, that is the one before.
    pub(crate) async fn get(&self, window: Window) -> Result<Arc<Ranking>, Problem> {
        let Some(known) = self.newest(window, OLDEST) else {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            return self.compute(window, turn).await;
        };
        if self.newest(window, FRESH).is_none()
            && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
        {
            let rankings = self.clone();
            // What fails here fails again for whoever asks when this ranking is too old.
            tokio::spawn(async move { rankings.compute(window, turn).await.map(drop) });
        }
        Ok(known)
    }

    async fn compute(
        &self,
        window: Window,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Arc<Ranking>, Problem> {
        if let Some(known) = self.newest(window, FRESH) {
            return Ok(known);
        }
        let as_of = self.handle.now();
        let mut db = self.handle.db().acquire().await?;
        let titles = most_watched(&mut db, window, as_of, LONGEST.into()).await?;
        let ranking = Arc::new(Ranking { window, as_of, titles });
        self.lock().insert(window, Arc::clone(&ranking));
        drop(turn);
        Ok(ranking)
    }

    /// The newest one, if it is not as old as this.
    fn newest(&self, window: Window, limit: SignedDuration) -> Option<Arc<Ranking>> {
        let known = self.lock().get(&window).cloned()?;
        let age = self.handle.now().duration_since(known.as_of);
        (!age.is_negative() && age < limit).then_some(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Window, Arc<Ranking>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

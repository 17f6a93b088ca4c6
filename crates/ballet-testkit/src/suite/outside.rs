//! The way to whoever a service asks outside, as the suite disturbs it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballet::CallKey;
use tokio::sync::watch;

/// Where something happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Before it takes effect outside.
    There,
    /// After that.
    Back,
}

/// The way to whoever is asked outside. A service under test asks through it, so that the suite
/// can hold calls, lose them, and lose their answers.
#[derive(Debug, Clone)]
pub struct Outside {
    held: Arc<watch::Sender<Option<Way>>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    asked: Vec<CallKey>,
    there: usize,
    back: usize,
    answered: usize,
    lose: Option<Way>,
}

impl Default for Outside {
    /// A way that nobody disturbs.
    fn default() -> Self {
        Self { held: Arc::new(watch::Sender::new(None)), seen: Arc::default() }
    }
}

impl Outside {
    /// Makes a call; `None` when it was lost on its way there or back, so that the outcome is
    /// unknown to who asked.
    pub async fn ask<T>(&self, key: CallKey, call: impl Future<Output = T>) -> Option<T> {
        self.seen().asked.push(key);
        self.pass(Way::There).await?;
        let answer = call.await;
        self.pass(Way::Back).await?;
        self.seen().answered += 1;
        Some(answer)
    }

    async fn pass(&self, way: Way) -> Option<()> {
        match way {
            Way::There => self.seen().there += 1,
            Way::Back => self.seen().back += 1,
        }
        let mut held = self.held.subscribe();
        // An error says that the suite is gone.
        held.wait_for(|held| *held != Some(way)).await.ok()?;
        self.seen().lose.take_if(|lose| *lose == way).map_or(Some(()), |_| None)
    }

    /// Holds calls from now on, or lets them go.
    pub(super) fn hold(&self, way: Option<Way>) {
        self.held.send_replace(way);
    }

    /// Loses the next call.
    pub(super) fn lose_one(&self, way: Way) {
        self.seen().lose = Some(way);
    }

    /// The keys that were asked under, in order.
    pub(super) fn asked(&self) -> Vec<CallKey> {
        self.seen().asked.clone()
    }

    /// How many calls got so far.
    pub(super) fn reached(&self, way: Way) -> usize {
        match way {
            Way::There => self.seen().there,
            Way::Back => self.seen().back,
        }
    }

    /// How many answers came through.
    pub(super) fn answered(&self) -> usize {
        self.seen().answered
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A service's calls to the outside, as the suite disturbs them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballet::calls::CallKey;
use tokio::sync::watch;

/// The half of a call that the suite disturbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallLeg {
    /// Before the call takes effect outside.
    Request,
    /// After it has taken effect.
    Answer,
}

/// The path of a service's calls to the outside. The suite can hold calls, lose them, and lose their answers.
#[derive(Debug, Clone)]
pub struct Outside {
    held: Arc<watch::Sender<Option<CallLeg>>>,
    calls: Arc<Mutex<CallState>>,
}

#[derive(Debug, Default)]
struct CallState {
    asked: Vec<CallKey>,
    requests: usize,
    answers: usize,
    answered: usize,
    /// Where the next call is lost.
    lose: Option<CallLeg>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { held: Arc::new(watch::Sender::new(None)), calls: Arc::default() }
    }
}

impl Outside {
    /// Makes a call. `None` means that the request or the answer was lost, so the outcome is unknown.
    pub async fn ask<T>(&self, key: CallKey, call: impl Future<Output = T>) -> Option<T> {
        self.calls().asked.push(key);
        self.pass(CallLeg::Request).await?;
        let answer = call.await;
        self.pass(CallLeg::Answer).await?;
        self.calls().answered += 1;
        Some(answer)
    }

    async fn pass(&self, leg: CallLeg) -> Option<()> {
        match leg {
            CallLeg::Request => self.calls().requests += 1,
            CallLeg::Answer => self.calls().answers += 1,
        }
        let mut held = self.held.subscribe();
        // An error means that the suite is gone.
        held.wait_for(|held| *held != Some(leg)).await.ok()?;
        self.calls().lose.take_if(|lose| *lose == leg).map_or(Some(()), |_| None)
    }

    /// Holds calls at this point; `None` releases them.
    pub(crate) fn hold(&self, leg: Option<CallLeg>) {
        self.held.send_replace(leg);
    }

    pub(crate) fn lose_one(&self, leg: CallLeg) {
        self.calls().lose = Some(leg);
    }

    pub(crate) fn asked(&self) -> Vec<CallKey> {
        self.calls().asked.clone()
    }

    pub(crate) fn reached(&self, leg: CallLeg) -> usize {
        match leg {
            CallLeg::Request => self.calls().requests,
            CallLeg::Answer => self.calls().answers,
        }
    }

    pub(crate) fn answered(&self) -> usize {
        self.calls().answered
    }

    fn calls(&self) -> MutexGuard<'_, CallState> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

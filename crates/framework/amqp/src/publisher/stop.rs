//! The request to stop, and the time limit for draining.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Time limit for outstanding confirms when every handle is dropped without a stop.
const DRAIN_WITHOUT_STOP: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct StopRequest {
    asked: watch::Receiver<Option<Duration>>,
    deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopping {
    /// The request was just made: drain.
    Asked,
    /// The time for draining is over.
    Over,
}

impl StopRequest {
    pub(super) fn new(asked: watch::Receiver<Option<Duration>>) -> Self {
        Self { asked, deadline: None }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.deadline.is_some()
    }

    pub(super) async fn next(&mut self) -> Stopping {
        if let Some(deadline) = self.deadline {
            sleep_until(deadline).await;
            return Stopping::Over;
        }
        let drain = match self.asked.wait_for(Option::is_some).await {
            Ok(drain) => drain.unwrap_or_default(),
            Err(_) => DRAIN_WITHOUT_STOP,
        };
        self.deadline = Some(Instant::now() + drain);
        Stopping::Asked
    }
}

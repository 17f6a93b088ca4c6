//! How a listener ends when its process is asked to stop. Whoever balances load learns from readiness that the process
//! goes, and sends it new connections until then: some seconds in which a closed port would be an error for a client.

use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use tokio::sync::watch;
use tokio::time::sleep;

/// The end of a listener: a signal to stop, and the time after it for which new connections are still served.
#[derive(Debug, Clone)]
pub struct Departure {
    /// `None` for a listener that stays as long as its process.
    asked: Option<watch::Receiver<bool>>,
    delay: Duration,
    /// When it began. All clones end together, also those of a connection that came during the delay.
    begun: Arc<OnceLock<Instant>>,
}

impl Departure {
    /// A listener that serves new connections for `delay` after it was `asked` to stop.
    #[must_use]
    pub fn new(asked: watch::Receiver<bool>, delay: Duration) -> Self {
        Self { asked: Some(asked), delay, begun: Arc::default() }
    }

    /// A listener that stays as long as its process.
    #[must_use]
    pub fn never() -> Self {
        Self { asked: None, delay: Duration::ZERO, begun: Arc::default() }
    }

    /// Whether the process was asked to stop.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| *asked.borrow())
    }

    /// Lets an answer close its connection if the process was asked to stop: a client that keeps connections goes
    /// elsewhere then, and none is closed while it begins a request.
    pub fn mark(&self, answer: &mut HeaderMap) {
        if self.has_begun() {
            answer.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// Waits until no new connections are taken: until the delay is over, or whoever would ask is gone.
    pub async fn closes(mut self) {
        let Some(asked) = &mut self.asked else { return pending().await };
        let was_asked = asked.wait_for(|asked| *asked).await.is_ok();
        if was_asked {
            self.begun.get_or_init(Instant::now);
            sleep(self.left()).await;
        }
    }

    /// Returns for how long new connections are still served, from now or from the stop on.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.delay.saturating_sub(self.begun.get().map_or(Duration::ZERO, Instant::elapsed))
    }

    /// Leaves the delay out: whoever stops a process at its terminal has nothing that balances load before it.
    pub fn hurry(&self) {
        if let Some(past) = Instant::now().checked_sub(self.delay) {
            self.begun.get_or_init(|| past);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_during_the_delay_does_not_make_it_longer() {
        let delay = Duration::from_secs(1);
        let (ask, asked) = watch::channel(false);
        let departure = Departure::new(asked, delay);
        ask.send_replace(true);
        let begun = Instant::now();
        departure.clone().closes().await;
        assert!(begun.elapsed() >= delay);
        let late = Instant::now();
        departure.closes().await;
        assert!(late.elapsed() < delay, "{:?}", late.elapsed());
    }

    #[tokio::test]
    async fn one_in_a_hurry_has_no_delay() {
        let delay = Duration::from_secs(60);
        let (ask, asked) = watch::channel(false);
        let departure = Departure::new(asked, delay);
        assert_eq!(departure.left(), delay);
        departure.clone().hurry();
        assert_eq!(departure.left(), Duration::ZERO);
        ask.send_replace(true);
        tokio::time::timeout(delay / 2, departure.closes()).await.expect("at once");
    }
}

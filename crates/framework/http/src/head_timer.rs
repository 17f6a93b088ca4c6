//! The timer for the heads of a connection's requests.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A timer that all heads of a connection share. hyper makes a timer for each head. To set and drop
/// one of tokio's takes a lock that all connections share, so this one is reset only when it ends
/// too early.
#[derive(Debug, Clone, Default)]
pub struct HeadTimer(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

/// The limit for one head. It ends later than those before it.
#[derive(Debug)]
struct HeadSleep {
    timer: HeadTimer,
    ends: Instant,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep { timer: self.clone(), ends: deadline })
    }
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ends = tokio::time::Instant::from_std(self.ends);
        let mut shared = self.timer.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = shared.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(ends)));
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= ends {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(ends);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_head_has_its_whole_time_whatever_the_one_before_it_left() {
        let (timer, time) = (HeadTimer::default(), Duration::from_millis(50));
        let mut first = timer.sleep(time);
        let _armed = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
        drop(first);
        tokio::time::sleep(time / 2).await;
        let begun = Instant::now();
        timer.sleep(time).await;
        assert!(begun.elapsed() >= time, "{:?}", begun.elapsed());
        // After a timer that has ended.
        let begun = Instant::now();
        timer.sleep(time).await;
        assert!(begun.elapsed() >= time, "{:?}", begun.elapsed());
    }
}

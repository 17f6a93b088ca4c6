//! Waiting for a condition.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

const PROBE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The variable with the most seconds of a limit. Tests that judge flaws wait for much that never comes.
const WAIT_AT_MOST: &str = "BALLET_WAIT_AT_MOST";

/// How often the limit may begin.
const RENEWALS: u32 = 5;

/// Polls `probe` until it yields a value. Tests wait in no other way.
///
/// `Ok(None)` means "not yet". An `Err` does not end the wait, because servers come and go in tests, and becomes part
/// of the error at the end. A probe of more than twenty seconds is dropped and repeated. A pause is twice as long as
/// the last probe, up to a second, so that probes do not keep the machine busy.
///
/// `limit` begins again when the text of the `Err` changes, so a slow machine that makes progress fails no test. A wait
/// takes at most five times the limit.
///
/// ```
/// # async fn example() -> Result<(), ballet_stage::Error> {
/// use std::time::Duration;
/// let five = ballet_stage::wait_until("five", Duration::from_secs(1), || async {
///     Ok::<_, String>(Some(5))
/// })
/// .await?;
/// # assert_eq!(five, 5); Ok(()) }
/// ```
pub async fn wait_until<T, E, Probe>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Probe,
) -> Result<T>
where
    E: Display,
    Probe: Future<Output = std::result::Result<Option<T>, E>>,
{
    let most = std::env::var(WAIT_AT_MOST).ok().and_then(|seconds| seconds.parse().ok());
    let limit = most.map_or(limit, |most| limit.min(Duration::from_secs(most)));
    let last_deadline = Instant::now() + limit * RENEWALS;
    let mut deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    let mut last = "nothing yet".to_owned();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A hanging probe is repeated, and the first one always gets a moment.
        let patience = left.clamp(Duration::from_millis(50), PROBE);
        let asked = Instant::now();
        match tokio::time::timeout(patience, probe()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => {}
            Ok(Err(state)) => {
                let state = state.to_string();
                if state != last {
                    deadline = (Instant::now() + limit).min(last_deadline);
                    last = state;
                }
            }
            Err(_) => last = format!("a probe without an answer (before that: {last})"),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Expired { what: what.to_owned(), limit, last });
        }
        let rest = (asked.elapsed() * 2).min(LONGEST_PAUSE);
        tokio::time::sleep(pause.max(rest).min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_value_as_soon_as_there_is_one() {
        let mut calls = 0;
        let value = wait_until("the third call", Duration::from_secs(5), || {
            calls += 1;
            let seen = calls;
            async move { Ok::<_, String>((seen == 3).then_some(seen)) }
        });
        assert_eq!(value.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_waited_for_and_what_it_saw_last() {
        let error = wait_until("an empty queue", Duration::from_millis(20), || async {
            Err::<Option<()>, _>("depth is 7")
        });
        let text = error.await.unwrap_err().to_string();
        assert_eq!(text, "waited 20ms for an empty queue; last seen: depth is 7");
    }

    #[tokio::test]
    async fn a_wait_with_progress_goes_on_but_not_for_ever() {
        let limit = Duration::from_millis(100);
        let (begun, mut depth) = (Instant::now(), 1_000_000);
        let endless = wait_until("an empty queue", limit, || {
            depth -= 1;
            let depth = depth;
            async move { Err::<Option<()>, _>(format!("depth is {depth}")) }
        });
        assert!(endless.await.unwrap_err().to_string().contains("last seen: depth is "));
        assert!(begun.elapsed() >= 3 * limit, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_cut_off() {
        let forever = wait_until("an answer", Duration::from_millis(20), || {
            std::future::pending::<std::result::Result<Option<()>, String>>()
        });
        assert!(forever.await.unwrap_err().to_string().contains("without an answer"));
    }
}

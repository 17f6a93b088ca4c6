//! How many requests of a client are under way at the same time, in this process. A stream of events is one
//! of them until it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;

use crate::http::problem::Problem;

/// The requests under way of each client.
#[derive(Debug, Clone, Default)]
pub(crate) struct AtOnce(Arc<Mutex<HashMap<String, usize>>>);

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    all: AtOnce,
    client: String,
}

impl AtOnce {
    /// Counts a request of a client.
    ///
    /// # Errors
    ///
    /// 429 if the client has this many under way.
    pub(crate) fn begin(&self, client: &str, most: usize) -> Result<UnderWay, Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(client) {
            Some(count) if *count >= most => {
                metrics::counter!("gateway_limited_total", "rate" => "at-once").increment(1);
                let detail = format!(
                    "{most} of your requests are under way, the most of one client: wait until one \
                     of them has ended"
                );
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
                return Err(problem.retry_after(Duration::from_secs(1)));
            }
            Some(count) => *count += 1,
            None => {
                all.insert(client.to_owned(), 1);
            }
        }
        drop(all);
        Ok(UnderWay { all: self.clone(), client: client.to_owned() })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.client);
            }
        }
    }
}

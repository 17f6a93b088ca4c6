//! What was found of the running system. A look takes seconds, so one request looks and the others wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_ops::finding::Finding;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::looks::Looks;

/// What was found is shown for this long.
const FRESH: Duration = Duration::from_secs(15);
/// Why nothing is found.
pub(super) const NOBODY: &str = "this console was not started by the command, which looks for it";

pub(super) type Findings = Arc<Result<Vec<Finding>, String>>;

/// Who looks, and what was found last.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(super) looks: Option<Arc<dyn Looks>>,
    found: Mutex<Option<(Instant, Timestamp, Findings)>>,
    /// One audit at a time.
    pub(super) auditing: Mutex<()>,
}

impl Looked {
    pub(crate) fn new(looks: Option<Arc<dyn Looks>>) -> Self {
        Self { looks, found: Mutex::default(), auditing: Mutex::default() }
    }

    /// What is found, some seconds old at most.
    pub(super) async fn findings(&self, now: Timestamp) -> (Timestamp, Findings) {
        let mut found = self.found.lock().await;
        if let Some((since, at, found)) = &*found
            && since.elapsed() < FRESH
        {
            return (*at, Arc::clone(found));
        }
        let new = Arc::new(match &self.looks {
            Some(looks) => looks.findings().await,
            None => Err(NOBODY.to_owned()),
        });
        *found = Some((Instant::now(), now, Arc::clone(&new)));
        (now, new)
    }
}

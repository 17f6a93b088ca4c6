//! The state that all parts of a running service share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Backoff;
use ballet_core::envelope::Limits;
use ballet_store::database::probe::Probe;
use ballet_store::database::renewal::Renewal;
use sqlx::PgPool;
use tokio::sync::{Mutex, watch};

use crate::declare::clock::Clock;
use crate::declare::failure::Failure;
use crate::engine::aborts_held::AbortsHeld;
use crate::engine::last_work::LastWork;
use crate::engine::open_calls::{Answer, OpenCalls};
use crate::engine::registry::Registry;
use crate::engine::shared_clock::SharedClock;
use crate::engine::stopping::stopped;
use crate::outgoing::relay::Relay;
use crate::outgoing::spans::Spans;

/// The waits between two looks at a database that is away: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_secs(2);

pub(crate) struct Engine {
    pub(crate) registry: Registry,
    /// Connections for upkeep.
    pub(crate) pool: PgPool,
    /// A connection for each lane.
    pub(crate) lane_pool: PgPool,
    /// Connections for HTTP requests.
    pub(crate) request_pool: PgPool,
    pub(crate) probe: Probe,
    pub(crate) renewal: Renewal,
    /// The time that all processes of the service share, and this process's ids.
    pub(crate) clock: Clock,
    pub(crate) shared_clock: Arc<SharedClock>,
    pub(crate) limits: Limits,
    pub(crate) relay: Relay,
    pub(crate) spans: Spans,
    pub(crate) calls: Arc<OpenCalls>,
    pub(crate) aborts_held: AbortsHeld,
    /// Held by a lane while it runs a batch that was lost with its connection before. One of them may
    /// crash the server each time, and then it is known which.
    pub(crate) suspects: Mutex<()>,
    /// The most messages of one transaction.
    pub(crate) batch: usize,
    /// How long one handler may take with one message.
    pub(crate) handler_time: Duration,
    pub(crate) last_work: Arc<LastWork>,
    /// Takes the answer to a call to its lane.
    pub(crate) answers: Box<dyn Fn(Answer) + Send + Sync>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// Whether the database answered when it was last asked.
    pub(crate) database: watch::Sender<bool>,
}

impl Engine {
    /// Records that the database answers, for readiness. The log says when it does again.
    pub(crate) fn database_answers(&self) {
        if self.now_answers(true) {
            tracing::info!("the database answers again");
        }
    }

    /// Records that the database does not answer. The log says so once, however many notice.
    pub(crate) fn database_is_away(&self, why: &Failure) {
        if self.now_answers(false) {
            tracing::warn!("the database is away, and what needs it waits: {why}");
        }
    }

    /// Returns true if this is news.
    fn now_answers(&self, answers: bool) -> bool {
        self.database.send_if_modified(|before| std::mem::replace(before, answers) != answers)
    }

    /// Asks whether the database works, within a few seconds. While it does, a cheap question is
    /// enough; when it was away, it has to show that it takes writes.
    pub(crate) async fn database_works(&self) -> bool {
        let worked = *self.database.borrow();
        if worked { self.probe.answers().await } else { self.probe.works().await }
    }

    /// Returns when the database answers again, or the service stops.
    pub(crate) async fn wait_for_database(&self) {
        let mut backoff = Backoff::new(FIRST_LOOK, LONGEST_LOOK);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                () = tokio::time::sleep(backoff.wait()) => {}
                () = stopped(&mut stopping) => return,
            }
            if self.database_works().await {
                self.database_answers();
                return;
            }
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("registry", &self.registry).finish_non_exhaustive()
    }
}

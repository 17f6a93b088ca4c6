//! The state that a lane keeps from one batch to the next.

use std::time::{Duration, Instant};

use ballet_amqp::BatchId;
use ballet_store::database::renewal::ReplacementFlag;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::engine::Engine;
use crate::lane::batch::pace::Pace;

/// How long a lane hurries after a lock was not free in time.
const HURRY: Duration = Duration::from_secs(60);
/// How long a lane takes care after a step refused that may have written.
const CARE: Duration = Duration::from_secs(5);

pub(crate) struct LaneConnection {
    pub(crate) db: PoolConnection<Postgres>,
    pub(crate) replaced: ReplacementFlag,
}

pub(crate) struct LaneState {
    most: usize,
    /// Kept, since the pool tests each connection that comes back, which costs as much as a small
    /// batch. After a failed batch it goes back, or is closed if the failure may be its own.
    pub(crate) connection: Option<LaneConnection>,
    pub(crate) emitted: Option<BatchId>,
    /// Until when handlers wait only a moment for a lock, because somebody holds one for long.
    hurried: Option<Instant>,
    /// Until when each step that may refuse has a savepoint.
    careful: Option<Instant>,
    pace: Pace,
}

impl LaneState {
    pub(crate) fn new(most: usize) -> Self {
        let (connection, emitted, hurried, careful) = (None, None, None, None);
        Self { most, connection, emitted, hurried, careful, pace: Pace::default() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.pace.limit(self.most)
    }

    pub(crate) fn learn(&mut self, handled: usize, took: Duration) {
        self.pace.learn(handled, took, self.most);
    }

    /// For a while after a lock was not free in time, handlers wait only a moment for one. A lock
    /// that is not free within that moment does not prolong this, since it may soon be free.
    pub(crate) fn hurry(&mut self) {
        if !self.is_hurried() {
            self.hurried = Some(Instant::now() + HURRY);
        }
    }

    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried.is_some_and(|until| Instant::now() < until)
    }

    pub(crate) fn take_care(&mut self) {
        self.careful = Some(Instant::now() + CARE);
    }

    pub(crate) fn is_careful(&self) -> bool {
        self.careful.is_some_and(|until| Instant::now() < until)
    }

    pub(crate) async fn take_connection(
        &mut self,
        engine: &Engine,
    ) -> Result<LaneConnection, Failure> {
        if let Some(mut connection) = self.connection.take() {
            if !connection.replaced.is_so() {
                return Ok(connection);
            }
            connection.db.close_on_drop();
        }
        // Before the connection is made, since a server may be replaced meanwhile.
        let replaced = engine.database.renewal.replaced();
        let db = answered(engine.database.lanes.acquire()).await?;
        Ok(LaneConnection { db, replaced })
    }
}

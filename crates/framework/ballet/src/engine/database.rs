//! The service's database: its connections, and whether it answers.

use ballet_amqp::Backoff;
use ballet_store::database::probe::Probe;
use ballet_store::database::renewal::Renewal;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::stopping::waited;

/// The connections of a service to its database. Lanes, requests and upkeep each have a pool, so
/// that none waits for the others' connections.
pub(crate) struct Database {
    pub(crate) lanes: PgPool,
    pub(crate) requests: PgPool,
    pub(crate) upkeep: PgPool,
    pub(crate) probe: Probe,
    pub(crate) renewal: Renewal,
    state: watch::Sender<bool>,
    stopping: watch::Receiver<bool>,
}

impl Database {
    pub(crate) fn new(
        [lanes, requests, upkeep]: [PgPool; 3],
        probe: Probe,
        renewal: Renewal,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (state, _) = watch::channel(true);
        Self { lanes, requests, upkeep, probe, renewal, state, stopping }
    }

    pub(crate) const fn pools(&self) -> [&PgPool; 3] {
        [&self.lanes, &self.requests, &self.upkeep]
    }

    pub(crate) fn state(&self) -> watch::Receiver<bool> {
        self.state.subscribe()
    }

    /// The log says when the database answers again.
    pub(crate) fn answers(&self) {
        if self.now_answers(true) {
            tracing::info!("the database answers again");
        }
    }

    /// The log says so once, not once for each task that notices.
    pub(crate) fn is_away(&self, why: &Failure) {
        if self.now_answers(false) {
            tracing::warn!("the database is away, and what needs it waits: {why}");
        }
    }

    /// Returns true if this is news.
    fn now_answers(&self, answers: bool) -> bool {
        self.state.send_if_modified(|before| std::mem::replace(before, answers) != answers)
    }

    /// Asks whether it works, within a few seconds. After an outage it has to show that it takes
    /// writes.
    pub(crate) async fn works(&self) -> bool {
        let worked = *self.state.borrow();
        if worked { self.probe.answers().await } else { self.probe.works().await }
    }

    pub(crate) async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        answered(async { ask(&mut *self.upkeep.acquire().await?).await }).await
    }

    pub(crate) async fn until_it_works(&self) {
        let mut backoff = Backoff::DATABASE;
        let mut stopping = self.stopping.clone();
        while waited(&mut stopping, backoff.wait()).await {
            if self.works().await {
                self.answers();
                return;
            }
        }
    }
}

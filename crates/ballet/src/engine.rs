//! What all parts of a running service share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::envelope::Limits;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};

use crate::Context;
use crate::Failure;
use crate::calls::{Answer, Calls};
use crate::consumer::Arrival;
use crate::message::{Message, Work};
use crate::registry::Registry;
use crate::relay::Relay;

pub(crate) struct Engine {
    pub(crate) registry: Registry,
    pub(crate) pool: PgPool,
    pub(crate) context: Context,
    pub(crate) limits: Limits,
    pub(crate) relay: Relay,
    pub(crate) calls: Calls,
    /// The most that a lane does in one transaction.
    pub(crate) batch: usize,
    /// How long one handler may take with one message.
    pub(crate) handler_time: Duration,
    pub(crate) lanes: Vec<mpsc::UnboundedSender<Work>>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// Whether the database answered when it was last asked.
    pub(crate) database: watch::Sender<bool>,
}

impl Engine {
    /// Takes a delivery to its lane, or sets it aside if it cannot be read.
    pub(crate) fn dispatch(self: &Arc<Self>, arrival: Arrival) {
        let Arrival { delivery, receipt } = arrival;
        match Message::read(self, delivery, receipt) {
            Ok(message) => {
                let envelope = &message.envelope;
                let serial = envelope.saga_id.map_or(envelope.message_id.0, |saga| saga.0);
                self.to_lane(serial.as_u128(), Work::Message(Box::new(message)));
            }
            Err(refused) => {
                let (unacceptable, delivery, receipt) = *refused;
                self.set_aside(delivery, receipt, unacceptable, None, 0);
            }
        }
    }

    pub(crate) fn dispatch_answer(&self, answer: Answer) {
        self.to_lane(answer.call.saga_id.0.as_u128(), Work::Answer(answer));
    }

    fn to_lane(&self, serial: u128, work: Work) {
        let lanes = self.lanes.len().max(1) as u128;
        let lane = usize::try_from(serial % lanes).unwrap_or_default();
        if let Some(lane) = self.lanes.get(lane)
            && lane.send(work).is_err()
        {
            tracing::debug!("a lane has stopped; the broker delivers its messages again");
        }
    }

    /// Whether enough connections are left for everything else if each lane keeps one.
    pub(crate) fn has_connections_to_keep(&self) -> bool {
        let most = usize::try_from(self.pool.options().get_max_connections()).unwrap_or_default();
        self.lanes.len() + FOR_THE_REST <= most
    }

    /// Notes whether the database answers, for readiness.
    pub(crate) fn database_answers(&self, answers: bool) {
        self.database.send_if_modified(|before| std::mem::replace(before, answers) != answers);
    }

    /// Asks the database. After a fail-over a server may answer that takes no writes.
    pub(crate) async fn database_works(&self) -> bool {
        let asked = sqlx::query_as("select current_setting('transaction_read_only') = 'off'");
        matches!(asked.fetch_one(&self.pool).await, Ok((true,)))
    }

    /// Returns when the database answers again, or the service stops.
    pub(crate) async fn wait_for_database(&self) {
        let mut pause = Duration::from_millis(100);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stopping) => return,
            }
            if self.database_works().await {
                self.database_answers(true);
                return;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// The server ends every statement of ours within 30 seconds: if there is no answer by then, there
/// will be none. Nothing closes a connection of which the other end has lost its power, and without
/// a limit whoever waits on it would wait for ever.
const ANSWERED: Duration = Duration::from_secs(40);

/// Connections for the sweeper, marks, deadlines and HTTP.
const FOR_THE_REST: usize = 3;

/// Waits for the database, but not for ever: then the connection counts as lost.
pub(crate) async fn answered<T, E: Into<Failure>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    // Not by way of `in_time`: each future around another makes it larger.
    match tokio::time::timeout(ANSWERED, statements).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(silent().into()),
    }
}

/// As [`answered`], where the error is to stay what it is.
pub(crate) async fn in_time<T, E: From<sqlx::Error>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(ANSWERED, statements).await.unwrap_or_else(|_| Err(silent().into()))
}

/// What a connection is lost with that nobody answers on.
fn silent() -> sqlx::Error {
    let silent = format!("the database has not answered for {ANSWERED:?}");
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent))
}

/// Returns when the service stops, or is gone.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _stopped_or_gone = stopping.wait_for(|stopping| *stopping).await;
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("registry", &self.registry).finish_non_exhaustive()
    }
}

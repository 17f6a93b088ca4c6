//! What actions are done with: the broker, the services' databases, the trail.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballet::Clock;
use ballet_amqp::Broker;
use ballet_core::Part;
use ballet_ops::redrive::{Note, OnDeadLetter, Progress, RedriveOptions, Stop};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use crate::actions::running::Running;
use crate::known::Known;

/// A database that works lets us in within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What actions are done with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) known: Arc<Known>,
    pub(crate) broker: Arc<dyn Broker>,
    /// The broker for a user who may publish events, if there is one.
    pub(crate) publisher: Option<Arc<dyn Broker>>,
    pub(crate) databases: Vec<(String, PgConnectOptions)>,
    pub(crate) clock: Clock,
    /// Where discarded dead letters are written.
    pub(crate) archive: PathBuf,
    pub(crate) running: Arc<Running>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("archive", &self.archive).finish_non_exhaustive()
    }
}

impl Means {
    /// Connects to the database of a service. Otherwise why not.
    pub(crate) async fn connect(&self, service: &str) -> Result<PgConnection, String> {
        let found = self.databases.iter().find(|(name, _)| name == service);
        let (_, options) = found.ok_or_else(|| {
            format!("the console does not know the database of {service}: set DATABASE_URL")
        })?;
        let connecting = PgConnection::connect_with(options);
        match timeout(PATIENCE, connecting).await {
            Ok(connected) => {
                connected.map_err(|error| format!("the database of {service}: {error}"))
            }
            Err(_) => Err(format!("the database of {service} does not answer")),
        }
    }

    /// What a service declares.
    pub(crate) fn part(&self, service: &str) -> Option<&Part> {
        self.known.system().parts.iter().find(|part| part.service == service)
    }

    /// The options of what is done at once and whole.
    pub(crate) fn options<'a>(
        &self,
        note: Note,
        stop: Stop,
        progress: Progress<'a>,
        each: OnDeadLetter<'a>,
    ) -> RedriveOptions<'a> {
        let run_id = self.clock.new_id(note.at);
        RedriveOptions { note, run_id, rate: None, beyond_memory: false, stop, progress, each }
    }

    /// Who acts, when and why.
    pub(crate) fn note(&self, by: &str, why: &str) -> Note {
        Note { by: by.to_owned(), why: Some(why.to_owned()), at: self.clock.now() }
    }
}

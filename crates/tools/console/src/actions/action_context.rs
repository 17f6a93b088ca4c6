//! What actions need: the broker, the services' databases, the trail.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ballet::Clock;
use ballet_amqp::Broker;
use ballet_core::Part;
use ballet_core::topology::UNROUTED;
use ballet_ops::connect_to;
use ballet_ops::redrive::{DeadLetters, Note, Progress, RedriveOptions, Stop, UnroutedEvents};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::actions::running_actions::RunningActions;
use crate::contract_index::ContractIndex;

#[derive(Clone)]
pub(crate) struct ActionContext {
    pub(crate) pool: PgPool,
    pub(crate) contract_index: Arc<ContractIndex>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) databases: Vec<(String, PgConnectOptions)>,
    pub(crate) clock: Clock,
    pub(crate) archive: PathBuf,
    pub(crate) running: Arc<RunningActions>,
}

impl fmt::Debug for ActionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionContext").field("archive", &self.archive).finish_non_exhaustive()
    }
}

impl ActionContext {
    /// The error says why it cannot.
    pub(crate) async fn connect(&self, service: &str) -> Result<PgConnection, String> {
        connect_to(&self.databases, service).await
    }

    /// The error says why it cannot.
    pub(crate) async fn in_database<T, E: ToString>(
        &self,
        service: &str,
        act: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, String> {
        let mut db = self.connect(service).await?;
        let done = act(&mut db).await;
        db.close().await.ok();
        done.map_err(|error| error.to_string())
    }

    pub(crate) fn unrouted(&self) -> UnroutedEvents {
        UnroutedEvents::new(Arc::clone(&self.broker), self.contract_index.system().parts.clone())
    }

    pub(crate) fn letters(&self, service: &str) -> DeadLetters {
        match service {
            UNROUTED => self.unrouted().letters(),
            _ => DeadLetters::on(Arc::clone(&self.broker), service),
        }
    }

    pub(crate) fn part(&self, service: &str) -> Option<&Part> {
        self.contract_index.system().parts.iter().find(|part| part.service == service)
    }

    /// Done at once and as a whole.
    pub(crate) fn options<'a>(
        &self,
        note: Note,
        stop: Stop,
        progress: Progress<'a>,
    ) -> RedriveOptions<'a> {
        let run_id = self.clock.new_id(note.at);
        RedriveOptions { note, run_id, rate: None, beyond_memory: false, stop, progress }
    }

    pub(crate) fn note(&self, by: &str, why: &str) -> Note {
        Note { by: by.to_owned(), why: Some(why.to_owned()), at: self.clock.now() }
    }
}

//! The resources of actions: the broker, the services' databases, the trail.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ballet::Clock;
use ballet_amqp::Broker;
use ballet_core::Part;
use ballet_ops::connect_to;
use ballet_ops::redrive::{Note, OnDeadLetter, Progress, RedriveOptions, Stop};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use crate::actions::running_actions::RunningActions;
use crate::contract_index::ContractIndex;

/// The resources of actions.
#[derive(Clone)]
pub(crate) struct ActionContext {
    pub(crate) contract_index: Arc<ContractIndex>,
    pub(crate) broker: Arc<dyn Broker>,
    /// The broker as a user who may publish events, if there is one.
    pub(crate) publisher: Option<Arc<dyn Broker>>,
    pub(crate) databases: Vec<(String, PgConnectOptions)>,
    pub(crate) clock: Clock,
    /// The folder for discarded dead letters.
    pub(crate) archive: PathBuf,
    pub(crate) running: Arc<RunningActions>,
}

impl fmt::Debug for ActionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionContext").field("archive", &self.archive).finish_non_exhaustive()
    }
}

impl ActionContext {
    /// Connects to the database of a service, or returns why it cannot.
    pub(crate) async fn connect(&self, service: &str) -> Result<PgConnection, String> {
        connect_to(&self.databases, service).await
    }

    /// Returns the declarations of a service.
    pub(crate) fn part(&self, service: &str) -> Option<&Part> {
        self.contract_index.system().parts.iter().find(|part| part.service == service)
    }

    /// Returns the options of an action that is done at once and as a whole.
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

    /// Returns a note of who acts, when and why.
    pub(crate) fn note(&self, by: &str, why: &str) -> Note {
        Note { by: by.to_owned(), why: Some(why.to_owned()), at: self.clock.now() }
    }
}

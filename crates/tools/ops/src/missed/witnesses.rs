//! The witnesses of what a system has published: the journal, and the services' databases.

use std::sync::Arc;

use crate::stream::JOURNAL_CONNECTION as CONNECTION;
use ballet_amqp::{Broker, BrokerError, PublishOutcome};
use ballet_core::Part;
use futures_util::StreamExt;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;

use crate::redrive::error::RedriveError;
use crate::redrive::tool_run::ToolRun;

/// The witnesses of what a system has published since a point in time: the journal and the databases.
#[derive(Debug, Clone)]
pub struct Witnesses {
    /// The broker as a user who may read the journal and send to services.
    pub broker: Arc<dyn Broker>,
    /// The databases of the services, which have what steps published even if the journal lost it.
    pub databases: Vec<(String, PgConnectOptions)>,
    /// The declarations of all services.
    pub parts: Vec<Part>,
    /// The beginning of the searched time.
    pub since: Timestamp,
}

impl Witnesses {
    /// Writes a note for each service, with who searched when and why. The first one ends the reading.
    pub(super) async fn mark(&self, run: &ToolRun, services: &[&str]) -> Result<(), RedriveError> {
        let session = self.broker.connect(CONNECTION).await?;
        let marked = async {
            let mut confirms = session.confirms().await?;
            for service in services {
                session.publish(run.searched(service))?;
                let ended = || BrokerError::Lost("the broker closed the channel".to_owned());
                for confirmed in confirms.next().await.ok_or_else(ended)?? {
                    let why = match confirmed.outcome {
                        PublishOutcome::Ack => continue,
                        PublishOutcome::Nack => "refused".to_owned(),
                        PublishOutcome::Returned { code, text } => format!("{code} {text}"),
                    };
                    return Err(RedriveError::NoJournal(why));
                }
            }
            Ok(())
        };
        let marked = marked.await;
        session.close().await;
        marked
    }

    pub(super) async fn journal_begins(&self) -> Result<Option<Timestamp>, RedriveError> {
        let begins = crate::stream::begins(&self.broker).await?;
        Ok(begins.filter(|begins| *begins > self.since))
    }
}

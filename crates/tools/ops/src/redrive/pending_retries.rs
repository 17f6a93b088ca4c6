//! Tries the messages in the retry queues again now.

use std::collections::HashSet;
use std::sync::Arc;

use ballet_amqp::headers::{ACQUIRED_COUNT, DELIVERY_COUNT};
use ballet_amqp::{Broker, FieldTable, Publish};
use ballet_core::topology::RETRIES;
use ballet_store::calls::open;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::queue::DeadLetters;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// The default exchange takes the name of a queue as routing key.
const DEFAULT_EXCHANGE: &str = "";

/// Messages and calls of a service that wait for a later attempt, to be tried now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingRetries {
    /// The service.
    pub service: String,
    /// Only messages and calls of these sagas; all if this is empty.
    pub sagas: Vec<Uuid>,
    /// Only these messages; all if this is empty.
    pub messages: Vec<Uuid>,
}

impl PendingRetries {
    /// Counts the messages in the retry queues.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access.
    pub async fn count(&self, broker: &Arc<dyn Broker>) -> Result<u64, RedriveError> {
        let mut count = 0;
        for (queue, _) in RETRIES {
            let each = |message: DeadLetter| count += u64::from(self.matches(&message));
            DeadLetters::of_retries(broker, queue).browse(each).await?;
        }
        Ok(count)
    }

    /// Moves the messages from the retry queues to the service's queue. They keep their ids and attempts, so the next
    /// wait is unchanged. A message sent twice after an interruption is handled once. The journal has a note of each.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access. Messages that were moved before stay moved.
    pub async fn hurry(
        &self,
        broker: &Arc<dyn Broker>,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let run = ToolRun::new(options, Timestamp::MIN);
        // A message that fails again is not moved in circles.
        let mut moved = HashSet::new();
        let hurry = |message: &DeadLetter| {
            (self.matches(message) && moved.insert(message.id))
                .then(|| vec![run.retried(message), to_its_service(message)])
        };
        let mut hurry = PassAction::new(hurry);
        // In this order, since a message that fails meanwhile goes to the next queue.
        for (queue, _) in RETRIES {
            let queue = DeadLetters::of_retries(broker, queue);
            if passes::run(&queue, &mut hurry, options).await? {
                hurry.summary.stopped = true;
                break;
            }
        }
        Ok(hurry.summary)
    }

    /// Makes waiting calls to the outside due, some at a time, and returns their number. Their keys stay. A running
    /// call is left alone.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn hurry_calls(&self, db: &mut PgConnection) -> Result<u64, sqlx::Error> {
        open::hurry(db, &self.sagas, &self.messages).await
    }

    /// Counts the waiting calls to the outside.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn count_calls(&self, db: &mut PgConnection) -> Result<u64, sqlx::Error> {
        open::count_waiting(db, &self.sagas, &self.messages).await
    }

    fn matches(&self, message: &DeadLetter) -> bool {
        let saga = || message.saga.as_deref().and_then(|saga| Uuid::try_parse(saga).ok());
        message.service == self.service
            && (self.messages.is_empty() || self.messages.contains(&message.id.0))
            && (self.sagas.is_empty() || saga().is_some_and(|saga| self.sagas.contains(&saga)))
    }
}

fn to_its_service(message: &DeadLetter) -> Publish {
    let mut properties = message.properties.clone();
    if let Some(headers) = properties.headers() {
        let mut kept = FieldTable::default();
        for (name, value) in headers.inner() {
            // The broker writes these when it delivers.
            if ![DELIVERY_COUNT, ACQUIRED_COUNT].contains(&name.as_str()) {
                kept.insert(name.clone(), value.clone());
            }
        }
        properties = properties.with_headers(kept);
    }
    Publish {
        exchange: DEFAULT_EXCHANGE.to_owned(),
        routing_key: message.service.clone(),
        mandatory: true,
        properties,
        body: message.body.clone().into(),
    }
}

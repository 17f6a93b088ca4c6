//! Publishes messages in order, and waits for the broker's confirm of each.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{
    Broker, BrokerError, Publish, PublishError, Publisher, PublisherHandle, PublisherSettings,
};
use futures_util::{StreamExt as _, stream};

const IN_FLIGHT: usize = 500;
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of publishing a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageOutcome {
    /// It was not tried.
    NotTried,
    /// The broker has it.
    Confirmed,
    /// The broker does not have it.
    No(String),
    /// The broker may have it.
    Unknown(String),
}

/// Publishes all messages, also after one that the broker does not take. `progress` gets the number of results so far.
///
/// # Errors
///
/// If the broker refuses the connection. Nothing was published.
pub async fn send(
    broker: Arc<dyn Broker>,
    messages: Vec<Publish>,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Vec<MessageOutcome>, BrokerError> {
    // One attempt: the publisher would try for ever.
    let session = broker.connect("ballet publish").await?;
    session.close().await;
    let settings = PublisherSettings::new("ballet", "publish");
    let publisher = Publisher::start(broker, settings, Arc::new(|_| {}));
    let mut sent = Vec::with_capacity(messages.len());
    let publishing = messages.into_iter().map(|message| one(publisher.clone(), message));
    let mut answers = stream::iter(publishing).buffered(IN_FLIGHT);
    while let Some(answer) = answers.next().await {
        sent.push(answer);
        progress(sent.len() as u64);
    }
    publisher.stop(PATIENCE).await;
    Ok(sent)
}

async fn one(publisher: PublisherHandle, message: Publish) -> MessageOutcome {
    let answer = publisher.try_publish(message, PATIENCE).await;
    match answer {
        Ok(()) => MessageOutcome::Confirmed,
        Err(error @ (PublishError::Unpublishable { .. } | PublishError::NotTaken { .. })) => {
            MessageOutcome::No(format!(
                "{error}. Check that AMQP_URL names a user that may publish it, and that `ballet \
                 topology check` finds nothing"
            ))
        }
        Err(error) => MessageOutcome::Unknown(error.to_string()),
    }
}

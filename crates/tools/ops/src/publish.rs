//! Publishes messages in order, and waits for the broker's confirm of each.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{
    Broker, BrokerError, Publish, PublishError, Publisher, PublisherHandle, PublisherSettings,
};
use futures_util::{Stream, StreamExt as _};

/// More are read only once the first of these is confirmed.
const IN_FLIGHT: usize = 1_000;
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

/// Publishes the messages, also after one that the broker does not take, until `take` has had enough of the results,
/// which come in the order of the messages. After a lost connection a message may come twice, under the same id.
///
/// # Errors
///
/// If the broker refuses the connection. Nothing was published.
pub async fn send(
    broker: Arc<dyn Broker>,
    messages: impl Stream<Item = Publish>,
    mut take: impl FnMut(MessageOutcome) -> bool,
) -> Result<(), BrokerError> {
    // One attempt: the publisher would try for ever.
    let session = broker.connect("ballet publish").await?;
    session.close().await;
    let settings = PublisherSettings::new("ballet", "publish");
    let publisher = Publisher::start(broker, settings, Arc::new(|_| {}));
    {
        let answers = messages.map(|message| one(publisher.clone(), message)).buffered(IN_FLIGHT);
        let mut answers = std::pin::pin!(answers);
        while let Some(answer) = answers.next().await {
            if !take(answer) {
                break;
            }
        }
    }
    publisher.stop(PATIENCE).await;
    Ok(())
}

async fn one(publisher: PublisherHandle, message: Publish) -> MessageOutcome {
    let answer = publisher.try_publish(message, PATIENCE).await;
    match answer {
        Ok(()) => MessageOutcome::Confirmed,
        Err(error @ (PublishError::Unpublishable { .. } | PublishError::NotTaken { .. })) => {
            MessageOutcome::No(format!(
                "{error}. Check that the user of the URL may publish it, as `ops` may, and that `ballet \
                 topology check` finds nothing"
            ))
        }
        Err(error) => MessageOutcome::Unknown(error.to_string()),
    }
}

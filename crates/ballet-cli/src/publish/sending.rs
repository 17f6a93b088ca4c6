//! Publishes messages in order, and waits for the broker's word on each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::{Broker, Publish, PublishError, Publisher, PublisherHandle, PublisherSettings};
use futures_util::{StreamExt as _, stream};

use crate::exit::with_advice;
use crate::publish::outgoing::Outgoing;
use crate::ui::Progress;

/// The most messages without a confirm.
const IN_FLIGHT: usize = 500;
/// A broker that works confirms within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    NotTried,
    Confirmed,
    /// The broker does not have it.
    No(String),
    /// The broker may have it.
    Unknown(String),
}

/// Publishes all, also after one that the broker does not take.
pub(super) async fn send(broker: Arc<dyn Broker>, messages: &[Outgoing]) -> Result<Vec<Sent>> {
    // One attempt of our own: the publisher would try for ever.
    let session =
        broker.connect("ballet publish").await.map_err(|error| with_advice(error.into()))?;
    session.close().await;
    let settings = PublisherSettings::new("ballet", "publish");
    let publisher = Publisher::start(broker, settings, Arc::new(|_| {}));
    let progress = Progress::new("publishing", messages.len() as u64);
    let mut sent = Vec::with_capacity(messages.len());
    let all: Vec<Publish> = messages.iter().map(|message| message.publish.clone()).collect();
    let publishing = all.into_iter().map(|message| one(publisher.clone(), message));
    let mut answers = stream::iter(publishing).buffered(IN_FLIGHT);
    while let Some(answer) = answers.next().await {
        sent.push(answer);
        progress.show(sent.len() as u64);
    }
    publisher.stop(PATIENCE).await;
    Ok(sent)
}

async fn one(publisher: PublisherHandle, message: Publish) -> Sent {
    let answer = publisher.try_publish(message, PATIENCE).await;
    match answer {
        Ok(()) => Sent::Confirmed,
        Err(error @ (PublishError::Unpublishable { .. } | PublishError::NotTaken { .. })) => {
            Sent::No(format!(
                "{error}. Check that AMQP_URL names a user that may publish it, and that `ballet \
                 topology check` finds nothing"
            ))
        }
        Err(error) => Sent::Unknown(error.to_string()),
    }
}

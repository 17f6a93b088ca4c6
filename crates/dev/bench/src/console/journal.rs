//! Publishes events of `saga4`, as its services would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet::Clock;
use ballet::core::topology::EVENTS;
use ballet_amqp::{
    BasicProperties, Publish, Publisher, PublisherHandle, PublisherSettings, RabbitMq,
};
use ballet_stage::TestEnv;
use futures_util::future::try_join_all;
use uuid::Uuid;

const PORTION: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

const OPENED: &str = "a.opened.v1";

pub(super) struct JournalPublisher {
    publisher: PublisherHandle,
    clock: Clock,
}

impl JournalPublisher {
    pub(super) fn new(env: &TestEnv) -> Result<Self> {
        let broker = Arc::new(RabbitMq::new(env.ops_amqp_url())?);
        let settings = PublisherSettings::new("bench", "console");
        let publisher = Publisher::start(broker, settings, Arc::new(drop));
        Ok(Self { publisher, clock: Clock::system() })
    }

    pub(super) fn id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// A saga's first event.
    pub(super) fn event(&self, saga: Uuid) -> Publish {
        let body =
            format!(r#"{{"account":1,"amount":1,"refused":false,"memo":"{}"}}"#, "x".repeat(300));
        let properties = BasicProperties::default()
            .with_type(OPENED.into())
            .with_message_id(self.id().to_string().into())
            .with_correlation_id(saga.to_string().into())
            .with_app_id("a".into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: OPENED.to_owned(),
            mandatory: false,
            properties,
            body: body.into_bytes().into(),
        }
    }

    /// Waits for the confirms.
    pub(super) async fn publish(&self, messages: &[Publish]) -> Result<()> {
        for portion in messages.chunks(PORTION) {
            let all = portion.iter().map(|one| self.publisher.publish_now(one.clone(), PATIENCE));
            try_join_all(all).await?;
        }
        Ok(())
    }

    pub(super) async fn close(self) {
        self.publisher.stop(Duration::ZERO).await;
    }
}

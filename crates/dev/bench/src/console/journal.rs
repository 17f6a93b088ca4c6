//! Publishes `saga4`'s events and dead letters, as its services would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet::Clock;
use ballet::core::topology::{DEAD, EVENTS};
use ballet_amqp::{
    AMQPValue, BasicProperties, FieldTable, Publish, Publisher, PublisherHandle, PublisherSettings,
    RabbitMq,
};
use ballet_stage::TestEnv;
use futures_util::future::try_join_all;
use uuid::Uuid;

const PORTION: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) const OPENED: &str = "a.opened.v1";

pub(super) struct JournalPublisher {
    publisher: PublisherHandle,
    pub(super) clock: Clock,
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

    fn properties(&self, event: &str, saga: Uuid, headers: &[(&str, &str)]) -> BasicProperties {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        BasicProperties::default()
            .with_type(event.into())
            .with_message_id(self.id().to_string().into())
            .with_correlation_id(saga.to_string().into())
            .with_app_id(event.split('.').next().unwrap_or_default().into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(table)
    }

    pub(super) fn event(&self, event: &str, saga: Uuid, cause: Option<&str>) -> Publish {
        let cause = cause.map(|cause| ("causation_id", cause));
        let body =
            format!(r#"{{"account":1,"amount":1,"refused":false,"memo":"{}"}}"#, "x".repeat(300));
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: event.to_owned(),
            mandatory: false,
            properties: self.properties(event, saga, cause.as_slice()),
            body: body.into_bytes().into(),
        }
    }

    pub(super) fn dead(&self, service: &str, event: &str, saga: Uuid, why: &str) -> Publish {
        let headers = [
            ("x-dead-reason", "failed"),
            ("x-dead-detail", why),
            ("x-dead-service", service),
            ("x-dead-step", "move"),
            ("x-dead-exchange", EVENTS),
            ("x-dead-routing-key", event),
        ];
        Publish {
            exchange: DEAD.to_owned(),
            routing_key: service.to_owned(),
            mandatory: true,
            properties: self.properties(event, saga, &headers),
            body: b"{}".to_vec().into(),
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

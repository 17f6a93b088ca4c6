//! Publishes events and dead letters of `saga4`, as its services would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use ballet::Clock;
use ballet::core::topology::{DEAD, EVENTS};
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, Confirms, FieldTable, Publish, PublishOutcome, RabbitMq,
    Session,
};
use ballet_stage::TestEnv;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// The most messages that are unconfirmed at a time.
const PORTION: usize = 1_000;
/// The portions in a second of publishing at a rate.
const TICKS: u32 = 50;

pub(super) const OPENED: &str = "a.opened.v1";

/// Publishes messages of a saga, with confirms.
pub(super) struct JournalPublisher {
    session: Arc<dyn Session>,
    confirms: Confirms,
    clock: Clock,
}

impl JournalPublisher {
    pub(super) async fn connect(env: &TestEnv) -> Result<Self> {
        let broker = RabbitMq::new(env.ops_amqp_url())?;
        let session = broker.connect("bench console").await?;
        let confirms = session.confirms().await?;
        Ok(Self { session, confirms, clock: Clock::system() })
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

    /// An event of a saga.
    pub(super) fn event(&self, event: &str, saga: Uuid) -> Publish {
        let body =
            format!(r#"{{"account":1,"amount":1,"refused":false,"memo":"{}"}}"#, "x".repeat(300));
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: event.to_owned(),
            mandatory: false,
            properties: self.properties(event, saga, &[]),
            body: body.into_bytes().into(),
        }
    }

    /// The dead letter of a service.
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

    /// Publishes these messages, and waits until the broker has confirmed them.
    pub(super) async fn publish(&mut self, messages: &[Publish]) -> Result<()> {
        for portion in messages.chunks(PORTION) {
            for message in portion {
                self.session.publish(message.clone())?;
            }
            let mut open = portion.len();
            while open > 0 {
                let Some(confirmed) = self.confirms.next().await else {
                    bail!("the broker has closed the connection");
                };
                for one in confirmed? {
                    if one.outcome != PublishOutcome::Ack {
                        bail!("the broker does not take a message: {one:?}");
                    }
                    open -= 1;
                }
            }
        }
        Ok(())
    }

    /// Publishes `rate` events a second for this time.
    pub(super) async fn at_rate(&mut self, rate: u32, time: Duration) -> Result<()> {
        let begun = Instant::now();
        let tick = Duration::from_secs(1) / TICKS;
        let mut next = begun;
        while begun.elapsed() < time {
            let sagas = (0..rate / TICKS).map(|_| self.id());
            let events: Vec<Publish> = sagas.map(|saga| self.event(OPENED, saga)).collect();
            self.publish(&events).await?;
            next += tick;
            sleep_until(next).await;
        }
        Ok(())
    }

    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

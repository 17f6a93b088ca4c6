//! The shop front: a foreign producer that publishes checkouts as its own broker user.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::Event;
use ballet::core::topology::EVENTS;
use ballet_amqp::{BasicProperties, Broker, Confirms, Outcome, Publish, RabbitMq, Session};
use ballet_stage::TestEnv;
use futures_util::StreamExt;
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

/// The foreign producer that the shop declares.
pub(crate) const STOREFRONT: &str = "storefront";
const PERSISTENT: u8 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Storefront {
    session: Arc<dyn Session>,
    confirms: Confirms,
    /// Orders by the number of their message, until the broker confirms it.
    open: HashMap<u64, Uuid>,
}

impl Storefront {
    pub(crate) async fn open(env: &TestEnv) -> Result<Self> {
        Self::at(&RabbitMq::new(env.amqp_url(STOREFRONT))?).await
    }

    /// Connects to a broker of the caller's choice.
    pub(crate) async fn at(broker: &RabbitMq) -> Result<Self> {
        let session = broker.connect(STOREFRONT).await?;
        let confirms = session.confirms().await?;
        Ok(Self { session, confirms, open: HashMap::new() })
    }

    pub(crate) fn send(&mut self, order: Uuid, checkout: &CartCheckedOut) -> Result<()> {
        let name = CartCheckedOut::TYPE.name();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(name.into())
            .with_message_id(order.to_string().into())
            .with_app_id(STOREFRONT.into())
            .with_delivery_mode(PERSISTENT);
        let message = Publish {
            exchange: EVENTS.to_owned(),
            routing_key: name.to_owned(),
            mandatory: true,
            properties,
            body: serde_json::to_vec(checkout).context("cannot write a checkout")?.into(),
        };
        let number = self.session.publish(&message)?;
        self.open.insert(number, order);
        Ok(())
    }

    /// Waits until the broker has confirmed everything.
    pub(crate) async fn confirmed(&mut self) -> Result<()> {
        while !self.open.is_empty() {
            let next = tokio::time::timeout(PATIENCE, self.confirms.next()).await;
            let answers = next
                .with_context(|| format!("the broker confirmed nothing for {PATIENCE:?}"))?
                .context("the broker closed the connection")??;
            for answer in answers {
                let order = self.open.remove(&answer.number);
                match (order, answer.outcome) {
                    (_, Outcome::Ack) | (None, _) => {}
                    (Some(order), Outcome::Nack) => bail!("the broker refused order {order}"),
                    (Some(order), Outcome::Returned { code, text }) => {
                        bail!("the broker returned order {order}: {code} {text}")
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        self.session.close().await;
    }
}

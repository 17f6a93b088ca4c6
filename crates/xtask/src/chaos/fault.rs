//! The faults themselves. Each ends with all as it was before, but for what it has broken.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::core::topology::EVENTS;
use ballet::{Clock, Event};
use ballet_amqp::{AMQPValue, Broker, Confirms, Delivery, Outcome, Publish, RabbitMq, Session};
use ballet_testkit::{Method, Proxy, Way};
use futures_util::StreamExt;
use shop_events::cart::CartCheckedOut;

use super::dice::Dice;
use super::kind::Kind;
use super::nodes;
use super::record::{COPY, Recorder};
use super::stage::Stage;
use crate::demo::stage::SERVICES;

/// So many messages are sent again, or put into another order, at once.
const SOME: usize = 40;
const PATIENCE: Duration = Duration::from_secs(30);
/// What the broker has by `broker/rabbitmq.conf`.
const MEMORY: &str = "1GB";
const DISK: &str = "200MB";

pub(crate) struct Faults<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) recorder: &'a Recorder,
    pub(crate) dice: Dice,
}

impl Faults<'_> {
    /// Does one; `None` if it could not be done now, else what it was about.
    pub(crate) async fn cause(&mut self, kind: Kind) -> Result<Option<String>> {
        let (servers, fleet) = (&self.stage.servers, &self.stage.fleet);
        let what = match kind {
            Kind::Kill => return Ok(fleet.kill(&mut self.dice).await.map(str::to_owned)),
            Kind::Stop => return Ok(fleet.stop(&mut self.dice, false).await?.map(str::to_owned)),
            Kind::Scale => return self.scale().await,
            Kind::Broker => nodes::all(servers).await?,
            Kind::Leader => nodes::one(self.stage, &mut self.dice, true).await?,
            Kind::Follower => nodes::one(self.stage, &mut self.dice, false).await?,
            Kind::Postgres => {
                servers.postgres().kill().await?;
                tokio::time::sleep(self.dice.millis(0, 3_000)).await;
                servers.postgres().start().await?;
                String::new()
            }
            Kind::Freeze => self.freeze().await?,
            Kind::Close => self.close().await?,
            Kind::Queue => self.queue().await?,
            Kind::Memory => {
                let low = ["set_vm_memory_high_watermark", "absolute", "1MB"];
                self.alarm(&low, &["set_vm_memory_high_watermark", "absolute", MEMORY]).await?
            }
            Kind::Disk => {
                self.alarm(&["set_disk_free_limit", "100000GB"], &["set_disk_free_limit", DISK])
                    .await?
            }
            Kind::Slow => {
                let delay = self.dice.millis(5, 100);
                self.stage.ways.values().for_each(|ways| ways.database.set(Way::Slow(delay)));
                tokio::time::sleep(self.dice.millis(2_000, 6_000)).await;
                self.stage.clear_ways();
                format!("{delay:?}")
            }
            Kind::Network => self.network().await,
            Kind::Copies => self.copies().await?,
            Kind::Reorder => self.reorder().await?,
        };
        Ok(Some(what))
    }

    async fn scale(&mut self) -> Result<Option<String>> {
        let name = SERVICES[self.dice.below(SERVICES.len())];
        if self.dice.one_in(2) && self.stage.fleet.has_room(name).await {
            self.stage.add(name).await?;
            return Ok(Some(format!("{name}, one more")));
        }
        let stopped = self.stage.fleet.stop(&mut self.dice, true).await?;
        Ok(stopped.map(|name| format!("{name}, one less")))
    }

    async fn freeze(&mut self) -> Result<String> {
        let time = self.dice.millis(500, 8_000);
        let postgres = self.stage.servers.postgres();
        if self.dice.one_in(2) {
            return nodes::freeze(&self.stage.servers, &mut self.dice, time).await;
        }
        postgres.freeze().await?;
        tokio::time::sleep(time).await;
        postgres.thaw().await?;
        Ok(format!("Postgres, {time:?}"))
    }

    /// Some connections of one service, whichever the broker lists.
    async fn close(&mut self) -> Result<String> {
        let management = self.stage.bed.management();
        let service = SERVICES[self.dice.below(SERVICES.len())];
        let mut closed = 0;
        for connection in management.connections().await? {
            if connection["user"] != service || !self.dice.one_in(2) {
                continue;
            }
            let Some(id) = connection["name"].as_str() else { continue };
            // The list lags: it may have gone by itself.
            closed += usize::from(
                management.call(Method::DELETE, &["connections", id], None).await.is_ok(),
            );
        }
        Ok(format!("{closed} of {service}"))
    }

    /// Deletes a service's queue and makes it again, as it was. What lies in a deleted queue is
    /// gone: that is the broker's word and no fault of anybody's, so it is done at rest only.
    async fn queue(&mut self) -> Result<String> {
        let (management, vhost) = (self.stage.bed.management(), self.stage.bed.vhost());
        let service = SERVICES[self.dice.below(SERVICES.len())];
        let path = ["definitions", vhost];
        let definitions = management.call(Method::GET, &path, None).await?;
        management.delete_queue(service).await?;
        tokio::time::sleep(self.dice.millis(100, 2_000)).await;
        management.call(Method::POST, &path, Some(&definitions)).await?;
        let consumed = ballet_testkit::wait_until("its consumers", PATIENCE, || async {
            let depth = management.depth(service).await.map_err(|error| error.to_string())?;
            if depth.consumers > 0 { Ok(Some(())) } else { Err("nobody consumes".to_owned()) }
        });
        consumed.await.with_context(|| format!("{service} does not come back to its queue"))?;
        Ok(service.to_owned())
    }

    async fn alarm(&mut self, on: &[&str], off: &[&str]) -> Result<String> {
        let rabbitmq = self.stage.servers.rabbitmq();
        rabbitmq.control(on).await?;
        let time = self.dice.millis(1_000, 5_000);
        tokio::time::sleep(time).await;
        let mut ended = rabbitmq.control(off).await;
        for _ in 0..3 {
            if ended.is_ok() {
                break;
            }
            ended = rabbitmq.control(off).await;
        }
        ended?;
        Ok(format!("{time:?}"))
    }

    async fn network(&mut self) -> String {
        let service = SERVICES[self.dice.below(SERVICES.len())];
        let ways = &self.stage.ways[service];
        let (to, way) = match self.dice.below(2) {
            0 => ("the broker", &ways.broker[..]),
            _ => ("its database", std::slice::from_ref(&ways.database)),
        };
        let set = |how| way.iter().for_each(|way| way.set(how));
        match self.dice.below(3) {
            0 => {
                way.iter().for_each(Proxy::cut);
                format!("{service} cut from {to}")
            }
            1 => {
                let delay = self.dice.millis(10, 300);
                set(Way::Slow(delay));
                tokio::time::sleep(self.dice.millis(2_000, 6_000)).await;
                set(Way::Open);
                format!("{service} to {to} {delay:?} slower")
            }
            _ => {
                set(Way::Silent);
                tokio::time::sleep(self.dice.millis(100, 6_000)).await;
                set(Way::Open);
                format!("{service} to {to} half-open")
            }
        }
    }

    /// Events of before, in any order; a third of them under ids of their own.
    async fn copies(&mut self) -> Result<String> {
        let mut events = self.recorder.record().last();
        self.dice.shuffle(&mut events);
        events.truncate(SOME);
        let clock = Clock::system();
        let copies: Vec<Publish> = events
            .into_iter()
            .map(|event| {
                let mut headers = event.properties.headers().clone().unwrap_or_default();
                headers.insert(COPY.into(), AMQPValue::Boolean(true));
                let mut properties = event.properties.with_headers(headers);
                // A checkout's message id is its order's: under another id it is another order.
                if event.routing_key != CartCheckedOut::TYPE.name() && self.dice.one_in(3) {
                    let id = clock.new_id(clock.now()).to_string();
                    properties = properties.with_message_id(id.into());
                }
                Publish {
                    exchange: EVENTS.to_owned(),
                    routing_key: event.routing_key,
                    mandatory: false,
                    properties,
                    body: event.body.into(),
                }
            })
            .collect();
        let count = copies.len();
        let session = self.ops().await?;
        let mut confirms = session.confirms().await?;
        publish(&*session, &mut confirms, &copies).await?;
        session.close().await;
        Ok(format!("{count} events"))
    }

    /// Takes what it can get out of a service's queue, and puts it back in another order, as
    /// somebody in the console could.
    async fn reorder(&mut self) -> Result<String> {
        let service = SERVICES[self.dice.below(SERVICES.len())];
        let session = self.ops().await?;
        let mut confirms = session.confirms().await?;
        let prefetch = u16::try_from(SOME).unwrap_or(u16::MAX);
        let mut deliveries = session.consume(service, "chaos reorder", prefetch).await?;
        let mut taken: Vec<Delivery> = Vec::new();
        let until = Instant::now() + self.dice.millis(200, 1_500);
        while taken.len() < SOME {
            let left = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, deliveries.next()).await {
                Ok(Some(delivery)) => taken.push(delivery?),
                Ok(None) => bail!("the broker ended the consumer"),
                Err(_late) => break,
            }
        }
        self.dice.shuffle(&mut taken);
        let again: Vec<Publish> = taken
            .iter()
            .map(|delivery| Publish {
                // The default exchange, so that nobody else gets it.
                exchange: String::new(),
                routing_key: service.to_owned(),
                mandatory: true,
                properties: delivery.properties.clone(),
                body: delivery.body.clone().into(),
            })
            .collect();
        publish(&*session, &mut confirms, &again).await?;
        for delivery in &taken {
            session.ack(delivery.tag, false).await?;
        }
        session.close().await;
        Ok(format!("{} of {service}", taken.len()))
    }

    async fn ops(&self) -> Result<std::sync::Arc<dyn Session>> {
        let broker = RabbitMq::new(self.stage.bed.ops_amqp_url())?;
        Ok(broker.connect("chaos").await?)
    }
}

/// Publishes, and waits until the broker has everything.
async fn publish(
    session: &dyn Session,
    confirms: &mut Confirms,
    messages: &[Publish],
) -> Result<()> {
    for message in messages {
        session.publish(message)?;
    }
    let mut open = messages.len();
    while open > 0 {
        let answers = tokio::time::timeout(PATIENCE, confirms.next()).await;
        let answers = answers.context("the broker confirms nothing")?;
        for answer in answers.context("the broker closed the channel")?? {
            if answer.outcome != Outcome::Ack {
                bail!("the broker did not take a message: {:?}", answer.outcome);
            }
            open -= 1;
        }
    }
    Ok(())
}

//! Message faults: repeated events, and queues in another order.

use std::time::Instant;

use anyhow::{Result, bail};
use ballet::Clock;
use ballet::core::topology::EVENTS;
use ballet_amqp::{AMQPValue, Broker, Delivery, Publish, RabbitMq};
use futures_util::StreamExt;

use crate::dice::Dice;
use crate::running::long_run::LongRun;
use crate::scene::journal::COPY;
use crate::scene::producer::publish_all;
use crate::trials::chaos::faults::random_service::random_service;
use crate::trials::scene::Scene;

/// How many messages are sent again or reordered at once.
const SOME: usize = 40;

/// Publishes earlier events again in any order, a third of them under new ids. There may be none yet.
pub(crate) async fn copies(scene: &Scene<'_>, dice: &mut Dice) -> Result<Option<String>> {
    let Scene { subject, run, recorder, .. } = scene;
    let beginnings = subject.beginnings();
    let mut events = recorder.record().latest();
    dice.shuffle(&mut events);
    events.truncate(SOME);
    let clock = Clock::system();
    let copies: Vec<Publish> = events
        .into_iter()
        .map(|event| {
            let mut headers = event.properties.headers().clone().unwrap_or_default();
            headers.insert(COPY.into(), AMQPValue::Boolean(true));
            let mut properties = event.properties.with_headers(headers);
            // A saga has the id of the event that begins it, so a new id would begin another saga.
            let begins = beginnings.contains(&event.routing_key.as_str())
                && properties.correlation_id().is_none();
            if !begins && dice.one_in(3) {
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
    publish_all(broker(run)?, "chaos", copies).await?;
    Ok((count > 0).then(|| format!("{count} events")))
}

/// Takes messages out of a service's queue and puts them back in another order, as an operator could. The queue may be
/// empty.
pub(crate) async fn reorder(run: &LongRun, dice: &mut Dice) -> Result<Option<String>> {
    let service = random_service(run, dice)?;
    let session = broker(run)?.connect("chaos").await?;
    let prefetch = u16::try_from(SOME).unwrap_or(u16::MAX);
    let mut deliveries = session.consume(service, "chaos reorder", prefetch).await?;
    let mut taken: Vec<Delivery> = Vec::new();
    let until = Instant::now() + dice.millis(200, 1_500);
    while taken.len() < SOME {
        let left = until.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, deliveries.next()).await {
            Ok(Some(delivery)) => taken.push(delivery?),
            Ok(None) => bail!("the broker closed the consumer"),
            Err(_late) => break,
        }
    }
    dice.shuffle(&mut taken);
    let again: Vec<Publish> = taken
        .iter()
        .map(|delivery| Publish {
            // Over the default exchange no other service gets the message.
            exchange: String::new(),
            routing_key: service.to_owned(),
            mandatory: true,
            properties: delivery.properties.clone(),
            body: delivery.body.clone().into(),
        })
        .collect();
    publish_all(broker(run)?, "chaos", again).await?;
    for delivery in &taken {
        session.ack(delivery.tag, false).await?;
    }
    session.close().await;
    Ok((!taken.is_empty()).then(|| format!("{} of {service}", taken.len())))
}

fn broker(run: &LongRun) -> Result<RabbitMq> {
    Ok(RabbitMq::new(run.stage.env.ops_amqp_url())?)
}

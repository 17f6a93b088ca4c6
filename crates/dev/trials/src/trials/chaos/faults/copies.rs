//! Events that are published again.

use anyhow::Result;
use ballet::Clock;
use ballet::core::topology::EVENTS;
use ballet_amqp::{AMQPValue, Publish, RabbitMq};

use crate::dice::Dice;
use crate::scene::producer::publish_all;
use crate::scene::record::COPY;
use crate::trials::scene::Scene;

/// The number of events that are sent again at once.
const SOME: usize = 40;

/// Publishes earlier events again in any order, a third of them under new ids. There may be none yet.
pub(super) async fn publish(scene: &Scene<'_>, dice: &mut Dice) -> Result<bool> {
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
    let any = !copies.is_empty();
    publish_all(RabbitMq::new(run.stage.env.ops_amqp_url())?, "chaos", copies).await?;
    Ok(any)
}

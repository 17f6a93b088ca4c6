//! What the hand-written contestants share: the saga's rules, the database and the broker.
//!
//! They keep ballet's guarantees: an inbox, a ledger with outcomes and a tombstone, a lock per saga, an outbox in the
//! same transaction, confirms, and compensations from the stored outcome.

use std::borrow::Cow;
use std::fmt::Write;

use anyhow::{Context, Result};
use ballet::core::envelope::pack::CONTENT_TYPE;
use ballet::core::topology::EVENTS;
use ballet_amqp::pack::is_pack;
use lapin::options::{BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, PublisherConfirm,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::contestants::system::system;
use crate::saga4::business::{self, Move};
use crate::saga4::contract::Order;

/// The step of the ledger's row for an aborted saga.
const TOMBSTONE: &str = "aborted";

const TABLES: &str = "\
create table inbox (message_id uuid primary key, received_at timestamptz not null default now());
create table ledger (
    saga_id uuid not null,
    step text not null,
    outcome text,
    recorded_at timestamptz not null default now(),
    primary key (saga_id, step)
);";

pub(crate) struct IncomingMessage {
    pub(crate) tag: u64,
    pub(crate) message_id: Uuid,
    pub(crate) saga_id: Uuid,
    pub(crate) event_type: String,
    pub(crate) order: Order,
}

#[derive(Debug, Clone)]
pub(crate) struct OutgoingMessage {
    pub(crate) message_id: Uuid,
    pub(crate) saga_id: Uuid,
    pub(crate) cause: Uuid,
    pub(crate) event_type: &'static str,
    pub(crate) body: String,
}

#[derive(Debug, Default)]
pub(crate) struct MessageEffect {
    pub(crate) ledger: Vec<(&'static str, Option<String>)>,
    pub(crate) change: Option<Move>,
    pub(crate) event: Option<OutgoingMessage>,
}

/// A message's effect by the saga's rules, given the saga's ledger rows.
pub(crate) fn decide(
    service: &str,
    message: &IncomingMessage,
    ledger: &[(String, Option<String>)],
) -> Result<MessageEffect> {
    let row = |step: &str| ledger.iter().find(|(name, _)| name == step);
    let aborted = row(TOMBSTONE).is_some();
    let order = &message.order;
    let step = |name: &'static str, done: &'static str| -> Result<MessageEffect> {
        if aborted || row(name).is_some() {
            return Ok(MessageEffect::default());
        }
        let body = serde_json::to_string(order)?;
        let change = Some(Move::of(message.saga_id, name, order, 1));
        let event = Some(event(message, done, body.clone()));
        Ok(MessageEffect { ledger: vec![(name, Some(body))], change, event })
    };
    match (service, message.event_type.as_str()) {
        ("a", "a.wanted.v1") => step("open", "a.opened.v1"),
        ("a", "d.moved.v1") => step("close", "a.closed.v1"),
        ("a", "c.refused.v1") if aborted || row("close").is_some() => Ok(MessageEffect::default()),
        ("a", "c.refused.v1") => {
            let body = serde_json::to_string(order)?;
            let change = Some(Move::of(message.saga_id, "cancel", order, -1));
            let event = Some(event(message, "a.cancelled.v1", body));
            Ok(MessageEffect { ledger: vec![(TOMBSTONE, None)], change, event })
        }
        ("b", "a.opened.v1") => step("move", "b.moved.v1"),
        ("c", "b.moved.v1") if row("refused").is_some() => Ok(MessageEffect::default()),
        ("c", "b.moved.v1") if order.refused => {
            let mut effect = step("move", "c.refused.v1")?;
            effect.change = None;
            if let Some((name, _)) = effect.ledger.first_mut() {
                *name = "refused";
            }
            Ok(effect)
        }
        ("c", "b.moved.v1") => step("move", "c.moved.v1"),
        ("d", "c.moved.v1") => step("move", "d.moved.v1"),
        (_, "a.cancelled.v1") if aborted => Ok(MessageEffect::default()),
        (_, "a.cancelled.v1") => {
            let mut effect =
                MessageEffect { ledger: vec![(TOMBSTONE, None)], ..MessageEffect::default() };
            if let Some((_, Some(outcome))) = row("move") {
                let done: Order = serde_json::from_str(outcome)?;
                let undone = match service {
                    "b" => "b.compensated.v1",
                    "c" => "c.compensated.v1",
                    _ => "d.compensated.v1",
                };
                effect.ledger.push(("undo", Some(outcome.clone())));
                effect.change = Some(Move::of(message.saga_id, "undo", &done, -1));
                effect.event = Some(event(message, undone, outcome.clone()));
            }
            Ok(effect)
        }
        (service, other) => anyhow::bail!("{service} does not know {other}"),
    }
}

fn event(cause: &IncomingMessage, event_type: &'static str, body: String) -> OutgoingMessage {
    let (saga_id, cause) = (cause.saga_id, cause.message_id);
    OutgoingMessage { message_id: new_id(), saga_id, cause, event_type, body }
}

#[expect(clippy::disallowed_methods, reason = "hand-written code has no handler's context")]
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

#[expect(clippy::cast_possible_truncation, reason = "the random half of the id")]
pub(crate) fn lock_key(saga_id: Uuid) -> i64 {
    saga_id.as_u128() as i64
}

/// Nobody sends an unreadable message here, so one ends the process.
pub(crate) fn read(delivery: &lapin::message::Delivery) -> Result<IncomingMessage> {
    let properties = &delivery.properties;
    let id = |text: Option<&str>| Uuid::parse_str(text.unwrap_or_default());
    let message_id = id(properties.message_id().as_ref().map(|id| id.as_str()));
    let message_id = message_id.context("a message without an id")?;
    // A saga has the id of its first message.
    let saga = properties.correlation_id().as_ref().map(|id| id.as_str());
    let saga_id = if saga.is_some() { id(saga).context("a bad saga id")? } else { message_id };
    let event_type = delivery.routing_key.as_str().to_owned();
    let order = serde_json::from_slice(&delivery.data).context("a bad body")?;
    Ok(IncomingMessage { tag: delivery.delivery_tag, message_id, saga_id, event_type, order })
}

/// An event in a pack.
#[derive(Deserialize)]
pub(crate) struct Member<T> {
    pub(crate) id: Uuid,
    pub(crate) correlationid: Uuid,
    data: T,
}

/// The events of a pack. `None` for another message.
pub(crate) fn members<T: DeserializeOwned>(
    delivery: &lapin::message::Delivery,
) -> Result<Option<Vec<Member<T>>>> {
    if !is_pack(&delivery.properties) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&delivery.data).context("a bad pack")?))
}

/// Reads the events of a message.
pub(crate) fn read_all(
    delivery: &lapin::message::Delivery,
    batch: &mut Vec<IncomingMessage>,
) -> Result<()> {
    let Some(members) = members(delivery)? else {
        batch.push(read(delivery)?);
        return Ok(());
    };
    batch.extend(members.into_iter().map(|member: Member<Order>| IncomingMessage {
        tag: delivery.delivery_tag,
        message_id: member.id,
        saga_id: member.correlationid,
        event_type: delivery.routing_key.as_str().to_owned(),
        order: member.data,
    }));
    Ok(())
}

pub(crate) async fn consume(
    amqp_url: &str,
    service: &str,
    prefetch: u16,
) -> Result<(Channel, Consumer)> {
    let channel = channel(amqp_url, &format!("{service} consume")).await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let consumer =
        channel.basic_consume(service.into(), service.into(), <_>::default(), <_>::default());
    let consumer = consumer.await?;
    Ok((channel, consumer))
}

#[derive(Clone)]
pub(crate) struct ConfirmedPublisher {
    channel: Channel,
    service: &'static str,
}

impl ConfirmedPublisher {
    pub(crate) async fn connect(amqp_url: &str, service: &'static str) -> Result<Self> {
        let channel = channel(amqp_url, &format!("{service} publish")).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { channel, service })
    }

    /// Sends events of one type as one message. The confirm comes later.
    pub(crate) async fn send(&self, events: &[&OutgoingMessage]) -> Result<PublisherConfirm> {
        let first = events.first().context("a message has an event")?;
        let properties = BasicProperties::default()
            .with_type(first.event_type.into())
            .with_app_id(self.service.into())
            .with_delivery_mode(2);
        let mut headers = FieldTable::default();
        let (properties, body) = if events.len() > 1 {
            let count = u32::try_from(events.len())?;
            headers.insert("x-members".into(), AMQPValue::LongUInt(count));
            (properties.with_content_type(CONTENT_TYPE.into()), Cow::Owned(self.pack(events)?))
        } else {
            let cause = AMQPValue::LongString(first.cause.to_string().into());
            headers.insert("causation_id".into(), cause);
            let properties = properties
                .with_message_id(first.message_id.to_string().into())
                .with_correlation_id(first.saga_id.to_string().into())
                .with_content_type("application/json".into());
            (properties, Cow::Borrowed(first.body.as_str()))
        };
        let properties = properties.with_headers(headers);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (EVENTS.into(), first.event_type.into());
        let sent = self.channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        Ok(sent.await?)
    }

    fn pack(&self, events: &[&OutgoingMessage]) -> Result<String> {
        let mut pack = String::with_capacity(512 * events.len());
        for (at, event) in events.iter().enumerate() {
            let OutgoingMessage { message_id, saga_id, cause, event_type, body } = event;
            let (separator, service) = (if at == 0 { '[' } else { ',' }, self.service);
            write!(
                pack,
                "{separator}{{\"specversion\":\"1.0\",\"id\":\"{message_id}\",\"source\":\"{service}\",\
                 \"type\":\"{event_type}\",\"correlationid\":\"{saga_id}\",\
                 \"causationid\":\"{cause}\",\"data\":{body}}}"
            )?;
        }
        pack.push(']');
        Ok(pack)
    }
}

pub(crate) async fn confirmed(confirm: PublisherConfirm) -> Result<()> {
    match confirm.await? {
        lapin::Confirmation::Ack(None) => Ok(()),
        other => anyhow::bail!("the broker refused a message: {other:?}"),
    }
}

pub(crate) async fn channel(amqp_url: &str, name: &str) -> Result<Channel> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(amqp_url, properties).await?;
    let channel = connection.create_channel().await?;
    // The channel keeps the connection alive.
    Ok(channel)
}

/// Creates missing tables.
pub(crate) async fn database(url: &str, outbox: &'static str, connections: u32) -> Result<PgPool> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.options([("jit", "off")]);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    let there: Option<String> =
        sqlx::query_scalar("select to_regclass('account')::text").fetch_one(&pool).await?;
    if there.is_none() {
        sqlx::raw_sql(AssertSqlSafe(format!("{}\n{TABLES}\n{outbox}", business::TABLES)))
            .execute(&pool)
            .await?;
    }
    Ok(pool)
}

pub(crate) fn known_type(name: &str) -> Result<&'static str> {
    let known = system().known_types().into_iter().map(|event| event.name());
    known
        .into_iter()
        .find(|known| *known == name)
        .with_context(|| format!("there is no event {name}"))
}

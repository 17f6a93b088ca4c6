//! Measures the broker alone: the messages of `saga4` are published, consumed and acknowledged without any work, with
//! the whole topology and without parts of it, many at once and one by one.

use std::time::Duration;

use anyhow::{Context, Result};
use ballet::core::topology::{self, EVENTS, JOURNAL, ROUTE};
use ballet_amqp::headers::{CAUSATION_ID, TRACEPARENT, insert_text};
use ballet_amqp::{BasicProperties, Broker, FieldTable, Publish, RabbitMq};
use ballet_stage::TestEnv;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::contestants::contestant::Contestant;
use crate::contestants::handwritten::new_id;
use crate::contestants::system::system;
use crate::runs::figures::{Cpu, RunFigures};
use crate::runs::stage::BenchStage;
use crate::saga4::contract::SERVICES;
use ballet_stage::usage::CpuSnapshot;

const WINDOW: usize = 1000;
const ACK_EVERY: u64 = 50;
/// The number of messages that go one by one, and the pause between two, in which the machine falls idle.
const ONE_BY_ONE: usize = 300;
const PAUSE: Duration = Duration::from_millis(10);
/// The messages of one saga, and the queue that each goes to.
const MESSAGES: [(&str, &str); 5] = [
    ("a.wanted.v1", "a"),
    ("a.opened.v1", "b"),
    ("b.moved.v1", "c"),
    ("c.moved.v1", "d"),
    ("d.moved.v1", "a"),
];

/// The route that messages take.
#[derive(Debug, Clone, Copy)]
pub enum BrokerRoute {
    /// `events`, the journal, `route`, the queue.
    Whole,
    /// `route` as a topic exchange.
    TopicRoute,
    /// Journal and queues bound to `events` by type: no `#` and no `route`.
    ByType,
    /// Without the journal.
    NoJournal,
    /// Straight to the queue.
    Straight,
    /// The whole topology, and messages without headers: no cause, no trace.
    NoHeaders,
    /// The whole topology, and messages with only an id, a type and a body of one byte.
    Bare,
}

impl BrokerRoute {
    /// All routes.
    pub const ALL: [Self; 7] = [
        Self::Whole,
        Self::TopicRoute,
        Self::ByType,
        Self::NoJournal,
        Self::Straight,
        Self::NoHeaders,
        Self::Bare,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "the topology",
            Self::TopicRoute => "`route` a topic",
            Self::ByType => "bound by type",
            Self::NoJournal => "no journal",
            Self::Straight => "no exchange",
            Self::NoHeaders => "no headers",
            Self::Bare => "id and type only",
        }
    }
}

/// Measures the broker alone.
///
/// # Errors
///
/// If something fails.
pub async fn measure(stage: &BenchStage, route: BrokerRoute, time: Duration) -> Result<RunFigures> {
    let env = stage.env_with(Contestant::Ceiling, &definitions(route)).await?;
    let measured = async {
        let latencies = one_by_one(route, &env).await?;
        let figures = pass_on(stage, route, &env, time).await?;
        Ok(RunFigures { latencies, ..figures })
    };
    let figures = measured.await;
    env.close().await?;
    figures
}

/// Measures the time of a message from publisher to consumer while no other is under way, in milliseconds.
async fn one_by_one(route: BrokerRoute, env: &TestEnv) -> Result<Vec<f64>> {
    const NUMBER: u64 = 1;
    let broker = RabbitMq::new(env.ops_amqp_url())?;
    let (.., queue) = MESSAGES[usize::try_from(NUMBER)?];
    let consumer = broker.connect(queue).await?;
    let mut deliveries = consumer.consume(queue, queue, 500).await?;
    let session = broker.connect("publish").await?;
    let mut confirms = session.confirms().await?;
    let mut latencies = Vec::new();
    for _ in 0..ONE_BY_ONE {
        let begun = Instant::now();
        session.publish(message(route, NUMBER)?)?;
        let delivery = deliveries.next().await.context("the broker ended the consumer")??;
        latencies.push(begun.elapsed().as_secs_f64() * 1_000.0);
        consumer.ack(delivery.tag, false).await?;
        confirms.next().await.context("the broker closed the channel")??;
        sleep(PAUSE).await;
    }
    Ok(latencies)
}

async fn pass_on(
    stage: &BenchStage,
    route: BrokerRoute,
    env: &TestEnv,
    time: Duration,
) -> Result<RunFigures> {
    let broker = RabbitMq::new(env.ops_amqp_url())?;
    let mut consumers = Vec::new();
    for service in SERVICES {
        consumers.push(tokio::spawn(consume(broker.connect(service).await?, service)));
    }
    let session = broker.connect("publish").await?;
    let mut confirms = session.confirms().await?;
    let (mut sent, mut open) = (0, 0);
    let mut step = async |until: Instant| -> Result<u64> {
        let before = sent;
        while Instant::now() < until {
            while open < WINDOW {
                session.publish(message(route, sent)?)?;
                (sent, open) = (sent + 1, open + 1);
            }
            open -= confirms.next().await.context("the broker closed the channel")??.len();
            while let Some(Some(answers)) = confirms.next().now_or_never() {
                open -= answers?.len();
            }
        }
        Ok(sent - before)
    };
    step(Instant::now() + time / 4).await?;
    let (before, since) = (CpuSnapshot::take()?, Instant::now());
    let messages = step(since + time).await?;
    let (after, seconds) = (CpuSnapshot::take()?, since.elapsed().as_secs_f64());
    consumers.iter().for_each(tokio::task::JoinHandle::abort);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let messages = messages as f64;
    let pids = stage.servers.rabbitmq().pids().await;
    let broker = (after.milliseconds(&pids) - before.milliseconds(&pids)) / messages;
    Ok(RunFigures {
        sagas: messages / seconds / 5.0,
        messages: messages / seconds,
        latencies: Vec::new(),
        cpu: Cpu { postgres: 0.0, broker, services: 0.0 },
        wal: 0.0,
        commits: 0.0,
        memory_peak: 0.0,
        pages: 0.0,
    })
}

/// The topology, changed for the route.
fn definitions(route: BrokerRoute) -> Value {
    let mut document = topology::definitions(&system(), |_| String::new());
    let from_events = |binding: &Value| binding["source"] == EVENTS;
    match route {
        BrokerRoute::Whole | BrokerRoute::Straight | BrokerRoute::NoHeaders | BrokerRoute::Bare => {
        }
        BrokerRoute::TopicRoute => {
            let exchanges = document["exchanges"].as_array_mut().into_iter().flatten();
            exchanges.filter(|e| e["name"] == ROUTE).for_each(|e| e["type"] = json!("topic"));
        }
        BrokerRoute::NoJournal => {
            let bindings = document["bindings"].as_array_mut();
            let journal = |b: &Value| from_events(b) && b["destination"] == JOURNAL;
            bindings.into_iter().for_each(|all| all.retain(|binding| !journal(binding)));
        }
        BrokerRoute::ByType => {
            let Some(bindings) = document["bindings"].as_array_mut() else { return document };
            bindings.retain(|binding| !from_events(binding));
            for binding in bindings.iter_mut().filter(|binding| binding["source"] == ROUTE) {
                binding["source"] = json!(EVENTS);
            }
            let mut journal = bindings.iter().find(|b| b["source"] == EVENTS).cloned();
            for (event_type, _) in MESSAGES {
                let Some(binding) = &mut journal else { continue };
                binding["destination"] = json!(JOURNAL);
                binding["routing_key"] = json!(event_type);
                bindings.push(binding.clone());
            }
        }
    }
    document
}

fn message(route: BrokerRoute, number: u64) -> Result<Publish> {
    let (event_type, queue) = MESSAGES[usize::try_from(number % 5)?];
    let straight = matches!(route, BrokerRoute::Straight);
    let id = new_id();
    let mut properties = BasicProperties::default()
        .with_type(event_type.into())
        .with_message_id(id.to_string().into())
        .with_delivery_mode(2);
    if !matches!(route, BrokerRoute::Bare) {
        properties = properties
            .with_content_type("application/json".into())
            .with_correlation_id(id.to_string().into())
            .with_app_id("ops".into())
            .with_timestamp(1_790_000_000);
    }
    if !matches!(route, BrokerRoute::Bare | BrokerRoute::NoHeaders) {
        let mut headers = FieldTable::default();
        insert_text(&mut headers, CAUSATION_ID, &id.to_string());
        let trace = format!("00-{}-00f067aa0ba902b7-01", id.simple());
        insert_text(&mut headers, TRACEPARENT, &trace);
        properties = properties.with_headers(headers);
    }
    let body = if matches!(route, BrokerRoute::Bare) { 1 } else { 120 };
    Ok(Publish {
        exchange: if straight { String::new() } else { EVENTS.to_owned() },
        routing_key: if straight { queue.to_owned() } else { event_type.to_owned() },
        mandatory: true,
        properties,
        body: vec![b'x'; body].into(),
    })
}

async fn consume(
    session: std::sync::Arc<dyn ballet_amqp::Session>,
    queue: &'static str,
) -> Result<()> {
    let mut deliveries = session.consume(queue, queue, 500).await?;
    while let Some(delivery) = deliveries.next().await {
        let tag = delivery?.tag;
        if tag % ACK_EVERY == 0 {
            session.ack(tag, true).await?;
        }
    }
    Ok(())
}

//! The load: starts sagas and watches how they end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::core::topology::{DEAD, EVENTS, ROUTE};
use ballet_amqp::{BasicProperties, Broker, Confirms, Publish, PublishOutcome, RabbitMq, Session};
use ballet_stage::TestEnv;
use fastrand::Rng;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use crate::contestants::handwritten::{members, new_id};
use crate::saga4::contract::{ACCOUNTS, DRIVER, Order};

/// The number of sagas under way at a time, without a pace.
const UNDER_WAY: usize = 1_000;
/// A saga must end within this time.
const PATIENCE: Duration = Duration::from_secs(60);
const WANTED: &str = "a.wanted.v1";
const CLOSED: &str = "a.closed.v1";
const CANCELLED: &str = "a.cancelled.v1";

/// The load that a contestant gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadPlan {
    /// Sagas per second, started at random times without waiting. Without it, so many are under way at a time.
    pub pace: Option<f64>,
    /// The share of sagas that `c` refuses.
    pub refused: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SagaEnd {
    Closed,
    Cancelled,
    /// One of its messages became a dead letter.
    Dead,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct StartedSagas {
    pub(crate) all: u64,
    pub(crate) refused: u64,
}

struct RunningSaga {
    since: Instant,
    expected: SagaEnd,
}

pub(crate) struct SagaLoad {
    plan: LoadPlan,
    session: Arc<dyn Session>,
    confirms: Confirms,
    ends: Consumer,
    _connection: Connection,
    random: Rng,
    running: HashMap<Uuid, RunningSaga>,
    unconfirmed: usize,
    next: Instant,
    pub(crate) started: StartedSagas,
    /// The messages that told of ends. A pack tells of several.
    pub(crate) told: usize,
    /// Each saga's end, result, and duration.
    pub(crate) ended: Vec<(Instant, SagaEnd, Duration)>,
    /// Wrong ends: of sagas that had already ended, or that should have ended otherwise.
    pub(crate) wrong: Vec<String>,
    seen: HashSet<Uuid>,
}

impl SagaLoad {
    pub(crate) async fn connect(env: &TestEnv, plan: LoadPlan) -> Result<Self> {
        let session = RabbitMq::new(env.amqp_url(DRIVER))?.connect(DRIVER).await?;
        let confirms = session.confirms().await?;
        let properties = ConnectionProperties::default().with_connection_name("ends".into());
        let connection = Connection::connect(env.ops_amqp_url(), properties).await?;
        let channel = connection.create_channel().await?;
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
        // Each binding at `events`, a topic exchange, makes publishing slower.
        for (exchange, key) in [(ROUTE, CLOSED), (ROUTE, CANCELLED), (DEAD, "#")] {
            let name = queue.name().clone();
            let (options, none) = (<_>::default(), FieldTable::default());
            channel.queue_bind(name, exchange.into(), key.into(), options, none).await?;
        }
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let name = queue.name().clone();
        let ends = channel.basic_consume(name, "ends".into(), options, <_>::default()).await?;
        Ok(Self {
            plan,
            session,
            confirms,
            ends,
            _connection: connection,
            random: Rng::with_seed(1),
            running: HashMap::new(),
            unconfirmed: 0,
            next: Instant::now(),
            started: StartedSagas::default(),
            told: 0,
            ended: Vec::new(),
            wrong: Vec::new(),
            seen: HashSet::new(),
        })
    }

    pub(crate) async fn go(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        self.next = self.next.max(Instant::now());
        while Instant::now() < until {
            let due = self.start_due()?;
            tokio::select! {
                biased;
                end = self.ends.next() => self.record_ends(end)?,
                answers = self.confirms.next(), if self.unconfirmed > 0 => {
                    self.unconfirmed -= confirmed(answers)?;
                }
                () = sleep_until(due.unwrap_or(until).min(until)) => {}
            }
        }
        Ok(())
    }

    /// Returns when the next one is due, if the plan has a pace.
    fn start_due(&mut self) -> Result<Option<Instant>> {
        match self.plan.pace {
            Some(pace) => {
                while self.next <= Instant::now() {
                    // From when the saga was due.
                    self.start(self.next)?;
                    let wait = -self.random.f64().max(f64::MIN_POSITIVE).ln() / pace;
                    self.next += Duration::from_secs_f64(wait);
                }
                Ok(Some(self.next))
            }
            None => {
                while self.running.len() < UNDER_WAY {
                    self.start(Instant::now())?;
                }
                Ok(None)
            }
        }
    }

    fn start(&mut self, since: Instant) -> Result<()> {
        let saga_id = new_id();
        let account = self.random.i32(1..=ACCOUNTS);
        let refused = self.random.f64() < self.plan.refused;
        let order = Order {
            account,
            amount: self.random.i64(0..10_000),
            refused,
            memo: "what an order says besides, in as many words as usual".to_owned(),
        };
        let expected = if refused { SagaEnd::Cancelled } else { SagaEnd::Closed };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(WANTED.into())
            .with_message_id(saga_id.to_string().into())
            .with_correlation_id(saga_id.to_string().into())
            .with_app_id(DRIVER.into())
            .with_delivery_mode(2);
        let message = Publish {
            exchange: EVENTS.to_owned(),
            routing_key: WANTED.to_owned(),
            mandatory: true,
            properties,
            body: serde_json::to_vec(&order)?.into(),
        };
        self.session.publish(message)?;
        self.unconfirmed += 1;
        self.started.all += 1;
        self.started.refused += u64::from(refused);
        self.running.insert(saga_id, RunningSaga { since, expected });
        Ok(())
    }

    fn record_ends(
        &mut self,
        mut end: Option<lapin::Result<lapin::message::Delivery>>,
    ) -> Result<()> {
        loop {
            let delivery = end.context("the broker closed the consumer of saga ends")??;
            self.record(&delivery)?;
            match self.ends.next().now_or_never() {
                Some(next) => end = next,
                None => return Ok(()),
            }
        }
    }

    fn record(&mut self, delivery: &lapin::message::Delivery) -> Result<()> {
        self.told += 1;
        let end = match delivery.routing_key.as_str() {
            CLOSED => SagaEnd::Closed,
            CANCELLED => SagaEnd::Cancelled,
            _ => SagaEnd::Dead,
        };
        if let Some(members) = members::<IgnoredAny>(delivery)? {
            for member in members {
                self.record_end(Some(member.correlationid), Some(member.id), end);
            }
            return Ok(());
        }
        let id = |text: Option<&str>| text.and_then(|text| text.parse::<Uuid>().ok());
        let properties = &delivery.properties;
        let saga = id(properties.correlation_id().as_ref().map(|id| id.as_str()));
        let message = id(properties.message_id().as_ref().map(|id| id.as_str()));
        self.record_end(saga, message, end);
        Ok(())
    }

    fn record_end(&mut self, saga: Option<Uuid>, message: Option<Uuid>, end: SagaEnd) {
        // A copy of an event is not a second end.
        if message.is_some_and(|message| !self.seen.insert(message)) {
            return;
        }
        let now = Instant::now();
        match saga.and_then(|saga| self.running.remove(&saga)) {
            Some(running) if running.expected == end => {
                self.ended.push((now, end, now.saturating_duration_since(running.since)));
            }
            Some(_) => self.wrong.push(format!("saga {saga:?} ended as {end:?}")),
            None => self.wrong.push(format!("saga {saga:?} ended again, as {end:?}")),
        }
    }

    /// Goes on for this time, and until twice as many sagas have ended as are under way: those that all begin at once are no
    /// usual load.
    pub(crate) async fn warm_up(&mut self, time: Duration) -> Result<()> {
        let begun = Instant::now();
        self.go(time).await?;
        while self.plan.pace.is_none() && self.ended.len() < 2 * UNDER_WAY {
            self.go(Duration::from_millis(100)).await?;
            if begun.elapsed() > PATIENCE {
                bail!("{} sagas have ended within {PATIENCE:?}", self.ended.len());
            }
        }
        Ok(())
    }

    pub(crate) async fn finish(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !self.running.is_empty() || self.unconfirmed > 0 {
            tokio::select! {
                end = self.ends.next() => self.record_ends(end)?,
                answers = self.confirms.next(), if self.unconfirmed > 0 => {
                    self.unconfirmed -= confirmed(answers)?;
                }
                () = sleep_until(until) => {
                    let some = self.running.keys().next().copied().unwrap_or_default();
                    let left = self.running.len();
                    bail!("{left} sagas have not ended within {PATIENCE:?}, one is {some}")
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        self.session.close().await;
        // The connection is gone.
        timeout(Duration::from_secs(2), self._connection.close(200, "done".into())).await.ok();
    }
}

fn confirmed(
    answers: Option<Result<Vec<ballet_amqp::MessageConfirm>, ballet_amqp::BrokerError>>,
) -> Result<usize> {
    let answers = answers.context("the broker closed the connection")??;
    match answers.iter().find(|answer| answer.outcome != PublishOutcome::Ack) {
        Some(answer) => bail!("the broker refused a message: {:?}", answer.outcome),
        None => Ok(answers.len()),
    }
}

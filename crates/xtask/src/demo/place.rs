//! Placing the orders: over AMQP, over HTTP, and from another language.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::{Clock, Event};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use shop_events::orders::{OrderCompleted, OrderConfirmed};
use shop_events::shipping::ShipmentScheduled;
use tokio::io::{AsyncBufReadExt, BufReader};
use uuid::Uuid;

use super::amqp::Storefront;
use super::cases::{self, CAPTURE_FAILS, Cancel, Case, DECLINED, End, GOOD, Goods};
use super::journal::Tap;
use super::stage::Stage;
use crate::cargo;
use crate::children::Children;

/// How long a service may be away.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many requests are under way at once.
const HTTP_AT_ONCE: usize = 8;
/// How many events are handed over before the broker's word on them is awaited.
const AMQP_AT_ONCE: usize = 50;
/// One of so many events is sent a second time.
const TWICE: usize = 20;

/// An order that is on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) case: Case,
    /// What the customer who cancelled was told.
    pub(crate) cancel: Option<StatusCode>,
}

/// All orders that were placed, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placed(Arc<Mutex<Orders>>);

#[derive(Debug, Default)]
struct Orders {
    all: HashMap<Uuid, Order>,
    /// Those that had the shop to themselves.
    alone: Vec<Uuid>,
}

impl Placed {
    pub(crate) fn add(&self, id: Uuid, case: Case, cancel: Option<StatusCode>) {
        self.lock().all.insert(id, Order { case, cancel });
    }

    /// One that has the shop to itself.
    pub(crate) fn add_alone(&self, id: Uuid, case: Case) {
        self.lock().alone.push(id);
        self.add(id, case, None);
    }

    pub(crate) fn all(&self) -> HashMap<Uuid, Order> {
        self.lock().all.clone()
    }

    /// How many there are of which this is so, and how many there are.
    pub(crate) fn count(&self, of: impl Fn(Uuid) -> bool) -> (usize, usize) {
        let orders = self.lock();
        (orders.all.keys().filter(|id| of(**id)).count(), orders.all.len())
    }

    pub(crate) fn alone(&self) -> Vec<Uuid> {
        self.lock().alone.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What placing needs.
pub(crate) struct Placer {
    http: Client,
    /// Where orders answers.
    orders: String,
    storefront: Storefront,
    storefront_url: String,
    children: Children,
    clock: Clock,
    tap: Tap,
    placed: Placed,
}

impl Placer {
    pub(crate) async fn new(stage: &Stage, tap: Tap, placed: Placed) -> Result<Self> {
        let bed = stage.bed()?;
        Ok(Self {
            http: stage.http.clone(),
            orders: stage.url("orders").to_owned(),
            storefront: Storefront::open(bed).await?,
            storefront_url: bed.amqp_url("storefront").to_owned(),
            children: stage.children.clone(),
            clock: Clock::system(),
            tap,
            placed,
        })
    }

    fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Places all of them; returns when the broker, or the service, has them.
    pub(crate) async fn place(mut self, cases: &[Case], with_python: bool) -> Result<()> {
        let mut rest = cases.to_vec();
        self.alone(&mut rest).await?;
        let in_python = if with_python { take_for_python(&mut rest) } else { 0 };
        let numbered: Vec<(usize, Case)> = rest.into_iter().enumerate().collect();
        let (http, amqp): (Vec<_>, Vec<_>) = numbered.into_iter().partition(goes_over_http);
        self.over_amqp(&amqp).await?;
        tokio::try_join!(self.over_http(&http), self.in_python(in_python))?;
        self.storefront.close().await;
        Ok(())
    }

    /// Before the rush: two orders whose pace nobody else disturbs.
    async fn alone(&mut self, cases: &mut Vec<Case>) -> Result<()> {
        for case in [GOOD, CAPTURE_FAILS] {
            let Some(at) = cases.iter().position(|one| *one == case) else { continue };
            cases.remove(at);
            let id = self.new_id();
            self.placed.add_alone(id, case);
            self.storefront.send(id, &cases::checkout(&case, at, self.new_id())?)?;
            self.storefront.confirmed().await?;
            // If it hangs, whoever watches us ends this.
            self.tap.hear(id, OrderCompleted::TYPE).await?;
        }
        Ok(())
    }

    async fn over_amqp(&mut self, cases: &[(usize, Case)]) -> Result<()> {
        for some in cases.chunks(AMQP_AT_ONCE) {
            for (number, case) in some {
                let id = self.new_id();
                let checkout = cases::checkout(case, *number, self.new_id())?;
                self.placed.add(id, *case, None);
                self.storefront.send(id, &checkout)?;
                if number % TWICE == 0 {
                    self.storefront.send(id, &checkout)?;
                }
            }
            self.storefront.confirmed().await?;
        }
        Ok(())
    }

    async fn over_http(&self, cases: &[(usize, Case)]) -> Result<()> {
        let cancelling =
            cases.iter().filter(|(_, case)| matches!(case.end, End::AsTold(_))).count();
        stream::iter(cases)
            .map(|(number, case)| self.post(*number, case))
            // Who waits for the moment to cancel holds up nobody.
            .buffer_unordered(HTTP_AT_ONCE + cancelling)
            .try_collect()
            .await
    }

    async fn post(&self, number: usize, case: &Case) -> Result<()> {
        let checkout = cases::checkout(case, number, self.new_id())?;
        let url = format!("{}/orders", self.orders);
        let reply = answer(self.http.post(&url).json(&checkout)).await?;
        let (status, body) = (reply.status(), reply.text().await?);
        let order: Value = serde_json::from_str(&body).unwrap_or_default();
        let id: Option<Uuid> = order["order_id"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id.filter(|_| status == StatusCode::CREATED) else {
            bail!("POST {url} answered {status}: {body}");
        };
        self.placed.add(id, *case, None);
        if let End::AsTold(when) = case.end {
            match when {
                Cancel::AtOnce => {}
                Cancel::AtCapture => self.tap.hear(id, ShipmentScheduled::TYPE).await?,
                Cancel::TooLate => self.tap.hear(id, OrderConfirmed::TYPE).await?,
            }
            let url = format!("{url}/{id}/cancel");
            let status = answer(self.http.post(&url)).await?.status();
            if !status.is_success() && status != StatusCode::CONFLICT {
                bail!("POST {url} answered {status}");
            }
            self.placed.add(id, *case, Some(status));
        }
        Ok(())
    }

    /// Has the example in Python place orders, as anybody's shop front would.
    async fn in_python(&self, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let script = cargo::root().join("examples/producer.py");
        let args = [script.display().to_string(), "--count".to_owned(), count.to_string()];
        let mut producer = self
            .children
            .start("python3", &args, |command| {
                command.env("AMQP_URL", &self.storefront_url).stdout(Stdio::piped());
            })
            .await?;
        let output = producer.stdout().context("the producer has no output")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.context("cannot read the producer")? {
            let mut words = line.split_whitespace();
            let id = words.next().and_then(|id| id.parse().ok());
            let Some((id, card)) = id.zip(words.next()) else { continue };
            let case = if card == DECLINED.card { DECLINED } else { GOOD };
            self.placed.add(id, case, None);
        }
        let status = producer.wait().await?;
        if !status.success() {
            bail!("examples/producer.py ended with {status}; it said why");
        }
        Ok(())
    }
}

/// Asks until there is an answer: a service that was killed is back soon. If it was killed between
/// the order and its answer, there is one order more than we know of.
pub(crate) async fn answer(request: RequestBuilder) -> Result<Response> {
    let begun = Instant::now();
    loop {
        let again = request.try_clone().context("a request without a body in pieces")?;
        match again.send().await {
            Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => return Ok(answer),
            Ok(answer) if begun.elapsed() > PATIENCE => return Ok(answer),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Whether the example in Python can run here.
pub(crate) async fn has_pika() -> bool {
    let looks = tokio::process::Command::new("python3")
        .args(["-c", "import pika"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    looks.await.is_ok_and(|status| status.success())
}

/// Takes a tenth of the orders out for the example in Python, of the kinds that it makes.
fn take_for_python(cases: &mut Vec<Case>) -> usize {
    let count = cases.len() / 10;
    for number in 0..count {
        let kind = if number % 4 == 3 { DECLINED } else { GOOD };
        let found = cases.iter().position(|case| *case == kind);
        cases.remove(found.unwrap_or(0));
    }
    count
}

/// Who cancels at once has to know the order's id, and that the order is known.
pub(crate) fn goes_over_http((number, case): &(usize, Case)) -> bool {
    // HTTP refuses an order without lines at once.
    matches!(case.end, End::AsTold(_)) || (number % 6 == 0 && case.goods != Goods::None)
}

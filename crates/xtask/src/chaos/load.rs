//! Orders of all kinds, placed steadily, by customers who try again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::{Clock, Event, EventType};
use ballet_amqp::RabbitMq;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentScheduled;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::fleet::Fleet;
use super::record::Recorder;
use crate::demo::amqp::Storefront;
use crate::demo::cases::{self, Cancel, Case, End};
use crate::demo::place::{self, Placed};

/// More orders than these are not open at a time.
const MOST_OPEN: usize = 400;
/// For one event of an order, before it is cancelled all the same.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many requests are under way at once.
const AT_ONCE: usize = 16;
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Load {
    http: Client,
    broker: RabbitMq,
    clock: Clock,
    cases: Vec<Case>,
    next: AtomicUsize,
    every: Duration,
    pub(crate) placed: Placed,
    recorder: Recorder,
    /// Checkouts that the broker has confirmed.
    pub(crate) confirmed: Mutex<Vec<Uuid>>,
    /// Requests that nobody answered in time.
    pub(crate) unanswered: AtomicUsize,
}

impl Load {
    pub(crate) fn new(broker: RabbitMq, http: Client, recorder: Recorder, rate: u32) -> Self {
        Self {
            http,
            broker,
            clock: Clock::system(),
            cases: cases::cases(300),
            next: AtomicUsize::new(0),
            every: Duration::from_secs(1) / rate.max(1),
            placed: Placed::default(),
            recorder,
            confirmed: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// How many orders are known to be open, and how many there are.
    pub(crate) fn open(&self) -> (usize, usize) {
        let record = self.recorder.record();
        self.placed.count(|id| record.journal.ended(id).is_none())
    }

    /// Places orders until the time is over; returns when all that it began is placed.
    pub(crate) async fn run(&self, fleet: &Fleet, until: Instant) -> Result<()> {
        let (to_front, checkouts) = mpsc::unbounded_channel();
        let (customers, front) = (self.customers(fleet, until, to_front), self.front(checkouts));
        tokio::try_join!(customers, front)?;
        Ok(())
    }

    async fn customers(
        &self,
        fleet: &Fleet,
        until: Instant,
        to_front: mpsc::UnboundedSender<(Uuid, CartCheckedOut)>,
    ) -> Result<()> {
        let mut requests = FuturesUnordered::new();
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while Instant::now() < until {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(()) = requests.next() => continue,
            }
            if self.open().0 >= MOST_OPEN {
                continue;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let case = self.cases[number % self.cases.len()];
            if place::goes_over_http(&(number, case)) && requests.len() < AT_ONCE {
                requests.push(self.request(fleet, number, case));
                continue;
            }
            // Who cancels needs an answer; with too many under way this one only orders.
            let case = if matches!(case.end, End::AsTold(_)) { cases::GOOD } else { case };
            let id = self.new_id();
            let checkout = cases::checkout(&case, number, self.new_id())?;
            self.placed.add(id, case, None);
            to_front.send((id, checkout)).ok();
        }
        drop(to_front);
        while requests.next().await.is_some() {}
        Ok(())
    }

    fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Publishes checkouts; what is unconfirmed when the connection is lost is published again.
    async fn front(
        &self,
        mut checkouts: mpsc::UnboundedReceiver<(Uuid, CartCheckedOut)>,
    ) -> Result<()> {
        let mut waiting: Vec<(Uuid, CartCheckedOut)> = Vec::new();
        let mut front: Option<Storefront> = None;
        loop {
            if waiting.is_empty() {
                let Some(first) = checkouts.recv().await else { break };
                waiting.push(first);
            }
            while let Ok(more) = checkouts.try_recv() {
                waiting.push(more);
            }
            let mut open = match front.take() {
                Some(open) => open,
                None => match Storefront::at(&self.broker).await {
                    Ok(open) => open,
                    Err(_) => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
            };
            let sent = waiting.iter().try_for_each(|(id, checkout)| open.send(*id, checkout));
            if sent.is_ok() && open.confirmed().await.is_ok() {
                self.confirmed.lock().await.extend(waiting.drain(..).map(|(id, _)| id));
                front = Some(open);
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
        if let Some(front) = front {
            front.close().await;
        }
        Ok(())
    }

    /// One customer at the door of orders. Without an answer there may be an order all the same: it
    /// has to end like any other, but nobody knows how.
    async fn request(&self, fleet: &Fleet, number: usize, case: Case) {
        if self.try_request(fleet, number, case).await.is_err() {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn try_request(&self, fleet: &Fleet, number: usize, case: Case) -> Result<()> {
        let checkout = cases::checkout(&case, number, self.new_id())?;
        let Some(door) = fleet.url("orders", number).await else { return Ok(()) };
        let url = format!("{door}/orders");
        let reply = place::answer(self.http.post(&url).json(&checkout)).await?;
        let (status, body) = (reply.status(), reply.text().await?);
        let order: Value = serde_json::from_str(&body).unwrap_or_default();
        let id: Option<Uuid> = order["order_id"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id.filter(|_| status == StatusCode::CREATED) else {
            anyhow::bail!("POST {url} answered {status}: {body}");
        };
        let End::AsTold(when) = case.end else {
            self.placed.add(id, case, None);
            return Ok(());
        };
        match when {
            Cancel::AtOnce => {}
            Cancel::AtCapture => self.hear(id, ShipmentScheduled::TYPE).await,
            Cancel::TooLate => self.hear(id, OrderConfirmed::TYPE).await,
        }
        let begun = Instant::now();
        loop {
            // Another process may answer where one has been taken away.
            let door = fleet.url("orders", number).await.unwrap_or_default();
            let reply = place::answer(self.http.post(format!("{door}/orders/{id}/cancel"))).await;
            let status = reply.map(|reply| reply.status());
            match status {
                Ok(status) if status.is_success() || status == StatusCode::CONFLICT => {
                    self.placed.add(id, case, Some(status));
                    return Ok(());
                }
                _ if begun.elapsed() > PATIENCE => anyhow::bail!("no answer to a cancel"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn hear(&self, order: Uuid, event: EventType) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            {
                let record = self.recorder.record();
                let journal = &record.journal;
                if journal.has(order, event) || journal.ended(order).is_some() {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

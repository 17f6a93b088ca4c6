//! The load: orders of all kinds at a steady rate, from customers who retry.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
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

use crate::harness::carts;
use crate::harness::cases::{self, Cancel, Case, End};
use crate::harness::fleet::Fleet;
use crate::harness::http::send_until_answered;
use crate::harness::orders::{Order, Orders};
use crate::harness::record::Recorder;
use crate::harness::storefront::Storefront;

/// The most orders that are open at a time.
const MOST_OPEN: usize = 400;
/// How long a customer waits for an event before cancelling anyway.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of requests under way at once.
const AT_ONCE: usize = 16;
const PAUSE: Duration = Duration::from_millis(100);

/// Which orders are placed, and how fast.
pub(crate) struct Mix {
    /// The kinds, in turn.
    pub(crate) cases: Vec<Case>,
    /// Orders per second.
    pub(crate) rate: u32,
    /// The customers' clock.
    pub(crate) clock: Clock,
}

pub(crate) struct Load {
    http: Client,
    broker: RabbitMq,
    clock: Clock,
    cases: Vec<Case>,
    next: AtomicUsize,
    every: Duration,
    pub(crate) orders: Orders,
    recorder: Recorder,
    /// Checkouts that the broker has confirmed.
    pub(crate) confirmed: Mutex<Vec<Uuid>>,
    /// Requests without an answer in time.
    pub(crate) unanswered: AtomicUsize,
}

impl Load {
    pub(crate) fn new(broker: RabbitMq, http: Client, recorder: Recorder, mix: Mix) -> Self {
        Self {
            http,
            broker,
            clock: mix.clock,
            cases: mix.cases,
            next: AtomicUsize::new(0),
            every: Duration::from_secs(1) / mix.rate.max(1),
            orders: Orders::default(),
            recorder,
            confirmed: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// The number of open orders, and of all orders.
    pub(crate) fn open(&self) -> (usize, usize) {
        let record = self.recorder.record();
        self.orders.open(|id| record.journal.ended(id).is_some())
    }

    /// Places orders until the time is over, and finishes those that are under way.
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
            if case.is_placed_over_http(number) && requests.len() < AT_ONCE {
                requests.push(self.request(fleet, number, case));
                continue;
            }
            // A cancellation needs an answer. With too many requests under way, this customer
            // does not cancel.
            let case = if matches!(case.end, End::CustomerCancels(_)) { cases::GOOD } else { case };
            let id = self.new_id();
            let checkout = cases::checkout(&case, number, self.new_id())?;
            self.orders.add(id, Order::new(case));
            to_front.send((id, checkout)).ok();
        }
        drop(to_front);
        while requests.next().await.is_some() {}
        Ok(())
    }

    fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Publishes checkouts. Those that were not confirmed before the connection was lost are
    /// published again.
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

    /// One customer who orders over HTTP. Without an answer there may still be an order. It must end
    /// like any other, but its expected end is not known.
    async fn request(&self, fleet: &Fleet, number: usize, case: Case) {
        if self.try_request(fleet, number, case).await.is_err() {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn try_request(&self, fleet: &Fleet, number: usize, case: Case) -> Result<()> {
        let placed = Order::new(case);
        let checkout = cases::checkout(&case, number, self.new_id())?;
        let id = if case.is_from_a_cart(number) {
            let cart_url = async || fleet.url("cart", number).await.unwrap_or_default();
            carts::buy(&self.http, cart_url, &checkout).await?
        } else {
            let Some(orders_url) = fleet.url("orders", number).await else { return Ok(()) };
            self.place(&orders_url, &checkout).await?
        };
        let End::CustomerCancels(when) = case.end else {
            self.orders.add(id, placed);
            return Ok(());
        };
        match when {
            Cancel::AtOnce => {}
            Cancel::AtCapture => self.wait_for(id, ShipmentScheduled::TYPE).await,
            Cancel::TooLate => self.wait_for(id, OrderConfirmed::TYPE).await,
        }
        let begun = Instant::now();
        loop {
            // The process may be gone by now, so each attempt asks for a URL.
            let orders_url = fleet.url("orders", number).await.unwrap_or_default();
            let reply =
                send_until_answered(self.http.post(format!("{orders_url}/orders/{id}/cancel")))
                    .await;
            let status = reply.map(|reply| reply.status());
            match status {
                Ok(status) if status.is_success() || status == StatusCode::CONFLICT => {
                    self.orders.add(id, Order { cancel_status: Some(status), ..placed });
                    return Ok(());
                }
                _ if begun.elapsed() > PATIENCE => anyhow::bail!("no answer to a cancellation"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Places an order without a cart.
    async fn place(&self, orders_url: &str, checkout: &CartCheckedOut) -> Result<Uuid> {
        let url = format!("{orders_url}/orders");
        let reply = send_until_answered(self.http.post(&url).json(checkout)).await?;
        let (status, body) = (reply.status(), reply.text().await?);
        let order: Value = serde_json::from_str(&body).unwrap_or_default();
        let id: Option<Uuid> = order["order_id"].as_str().and_then(|id| id.parse().ok());
        id.filter(|_| status == StatusCode::CREATED)
            .with_context(|| format!("POST {url} answered {status}: {body}"))
    }

    async fn wait_for(&self, order: Uuid, event: EventType) {
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

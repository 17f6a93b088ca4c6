//! Customers who place orders all the time, and do what the answers say.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use uuid::Uuid;

use crate::cases::{CAPTURE_FAILS, Case, DECLINED, GOOD};
use crate::customer::Customer;

/// Customers at a time.
const AT_ONCE: usize = 4;
/// Between two requests of one of them.
const PAUSE: Duration = Duration::from_millis(500);
const KINDS: [Case; 4] = [GOOD, DECLINED, GOOD, CAPTURE_FAILS];

/// The orders of one load, and what the customers were told.
#[derive(Debug, Default)]
pub(crate) struct Load {
    placed: Mutex<Vec<(Uuid, Case)>>,
    answers: Mutex<BTreeMap<String, usize>>,
    /// Requests with an unknown outcome: each may have placed an order that no customer knows.
    unknown: AtomicUsize,
    attempts: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    /// Places orders until the load is over. An order that was begun is placed.
    pub(crate) async fn run(&self, customers: &[Customer]) -> Result<()> {
        let next = AtomicUsize::new(0);
        let next = &next;
        let customer = || async move {
            while !self.over.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let case = &KINDS[number % KINDS.len()];
                self.place(&customers[number % customers.len()], number, case).await?;
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        try_join_all((0..AT_ONCE).map(|_| customer())).await.map(drop)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(crate) fn placed(&self) -> Vec<(Uuid, Case)> {
        self.placed.lock().map(|placed| placed.clone()).unwrap_or_default()
    }

    pub(crate) fn unknown(&self) -> usize {
        self.unknown.load(Ordering::Relaxed)
    }

    /// How often there was which answer.
    pub(crate) fn answers(&self) -> BTreeMap<String, usize> {
        self.answers.lock().map(|answers| answers.clone()).unwrap_or_default()
    }

    /// Sends one order until it is placed: the same request under the same key, and anew where the
    /// gateway that was killed had it.
    async fn place(&self, customer: &Customer, number: usize, case: &Case) -> Result<()> {
        let checkout = customer.checkout(case, number)?;
        let mut key = customer.new_id();
        loop {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            let request = customer.post_under(&key, "/orders").json(&checkout);
            let (status, wait, text) = match request.send().await {
                Ok(answer) => {
                    let wait = answer.headers().get(RETRY_AFTER);
                    let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
                    // An answer that breaks off is one that did not come.
                    (Some(answer.status()), wait, answer.text().await.unwrap_or_default())
                }
                Err(_) => (None, None, String::new()),
            };
            let said = status.map_or("no answer".to_owned(), |status| status.as_u16().to_string());
            if let Ok(mut answers) = self.answers.lock() {
                *answers.entry(said).or_default() += 1;
            }
            let placed: Value = serde_json::from_str(&text).unwrap_or_default();
            let placed = placed["order_id"].as_str().and_then(|id| id.parse().ok());
            match (status, placed) {
                (Some(StatusCode::CREATED), Some(order)) => {
                    if let Ok(mut placed) = self.placed.lock() {
                        placed.push((order, *case));
                    }
                    return Ok(());
                }
                // Orders knows the key, if it got the request.
                (None | Some(StatusCode::CREATED), _)
                | (Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS), _)
                | (Some(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT), _) => {}
                // It says when to ask again.
                (Some(StatusCode::CONFLICT), _) if wait.is_some() => {}
                (Some(StatusCode::CONFLICT), _) if text.contains("Idempotency-Key") => {
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                    key = customer.new_id();
                }
                (Some(status), _) => bail!("an order was answered with {status}: {text}"),
            }
            let wait = wait.map_or(PAUSE, Duration::from_secs);
            tokio::time::sleep(wait).await;
        }
    }
}

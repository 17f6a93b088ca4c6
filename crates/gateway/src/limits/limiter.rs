//! Limits that hold over several gateways.
//!
//! Permits are leased from the shared window in portions, and the next one before the last is used up,
//! so that hardly a request waits for the database. They count as used when they are leased: all
//! gateways together never let more through than the rate says. A client may get fewer, by the
//! permits that lie unused in other gateways: at most a portion and a half each. Without the database
//! each gateway counts for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::config::file::Rate;
use crate::limits::bucket::Bucket;
use crate::limits::verdict::Verdict;
use crate::store::database::Database;
use crate::store::rate_windows::{self, Ask};

/// From this many clients on, those whose window is over are forgotten now and then.
const MANY: usize = 10_000;
/// More than this many within a window are an attack: all are forgotten, and lease again.
const TOO_MANY: usize = 200_000;
/// The largest portion, and its share of the rate.
const PORTION: i32 = 64;
const SHARE: i32 = 20;

/// A client's permits, once it has asked for some.
type Slot = Arc<Mutex<Option<Bucket>>>;

/// The clients of this process, and at how many of them to look for what can be forgotten.
#[derive(Debug)]
struct Buckets {
    all: HashMap<(String, String), Slot>,
    sweep_at: usize,
}

/// The limits of this process.
#[derive(Debug)]
pub(crate) struct Limiter {
    database: Option<Arc<Database>>,
    buckets: StdMutex<Buckets>,
}

impl Limiter {
    pub(crate) fn new(database: Option<Arc<Database>>) -> Self {
        let buckets = StdMutex::new(Buckets { all: HashMap::new(), sweep_at: MANY });
        Self { database, buckets }
    }

    /// Counts a request of a client.
    pub(crate) async fn take(&self, rate: &Rate, client: &str) -> Verdict {
        let slot = self.slot(rate, client);
        // Requests of one client wait together for a new portion.
        let mut bucket = slot.lock().await;
        let mut verdict = bucket.as_mut().and_then(|bucket| bucket.take(Instant::now()));
        if verdict.is_none() {
            let mut fresh = self.lease(rate, client, bucket.as_ref()).await;
            verdict = fresh.take(Instant::now());
            *bucket = Some(fresh);
        } else if let Some(database) = self.worth_asking()
            && bucket.as_mut().is_some_and(Bucket::runs_low)
        {
            let (database, slot) = (Arc::clone(database), Arc::clone(&slot));
            let (rate, client) = (rate.clone(), client.to_owned());
            tokio::spawn(async move {
                let portion = portion(&database, &rate, &client).await;
                if let Some(bucket) = slot.lock().await.as_mut() {
                    bucket.add(portion, Instant::now());
                }
            });
        }
        // A portion that ran out on the way here is of a window that is over.
        let verdict = verdict.unwrap_or(Verdict {
            allowed: true,
            left: rate.requests.saturating_sub(1),
            reset: rate.window.0,
        });
        if !verdict.allowed {
            metrics::counter!("gateway_limited_total", "rate" => rate.name.clone()).increment(1);
        }
        verdict
    }

    /// How long a client has to wait that has used everything up. Asks nobody, and counts nothing.
    pub(crate) async fn spent(&self, rate: &Rate, client: &str) -> Option<Duration> {
        let known = {
            let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            buckets.all.get(&(rate.name.clone(), client.to_owned())).map(Arc::clone)
        };
        let bucket = known?;
        let bucket = bucket.lock().await;
        bucket.as_ref().and_then(|bucket| bucket.spent(Instant::now()))
    }

    fn slot(&self, rate: &Rate, client: &str) -> Slot {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (rate.name.clone(), client.to_owned());
        if let Some(known) = buckets.all.get(&key) {
            return Arc::clone(known);
        }
        if buckets.all.len() >= buckets.sweep_at {
            let now = Instant::now();
            let in_use = |bucket: &Arc<Mutex<Option<Bucket>>>| match bucket.try_lock() {
                Ok(bucket) => bucket.as_ref().is_some_and(|bucket| !bucket.is_over(now)),
                Err(_) => true,
            };
            buckets.all.retain(|_, bucket| in_use(bucket));
            if buckets.all.len() >= TOO_MANY {
                buckets.all.clear();
            }
            // A sweep costs each new client the same, however many there are.
            buckets.sweep_at = MANY.max(buckets.all.len() * 2);
        }
        Arc::clone(buckets.all.entry(key).or_default())
    }

    fn worth_asking(&self) -> Option<&Arc<Database>> {
        self.database.as_ref().filter(|database| database.is_worth_asking())
    }

    async fn lease(&self, rate: &Rate, client: &str, before: Option<&Bucket>) -> Bucket {
        let asked = Instant::now();
        if let Some(database) = self.worth_asking()
            && let Some(portion) = portion(database, rate, client).await
        {
            return portion;
        }
        // This process's own count. What was leased before the database went away is part of it.
        match before.filter(|before| !before.is_over(asked)) {
            Some(before) => before.alone(rate.requests),
            None => Bucket::new(rate.requests, 0, asked, rate.window.0),
        }
    }
}

/// A portion of the window that all gateways share, if the database can be asked.
async fn portion(database: &Database, rate: &Rate, client: &str) -> Option<Bucket> {
    let asked = Instant::now();
    let requests = i32::try_from(rate.requests).unwrap_or(i32::MAX);
    let ask = Ask {
        rate: &rate.name,
        client,
        requests,
        window_seconds: i32::try_from(rate.window.0.as_secs()).unwrap_or(i32::MAX),
        most: (requests / SHARE).clamp(1, PORTION),
    };
    let lease = database.ask(async |pool| rate_windows::lease(pool, ask).await).await;
    metrics::counter!("gateway_rate_leases_total").increment(1);
    let lease = lease.ok()?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let seconds = Duration::try_from_secs_f64(lease.seconds).unwrap_or_default();
    Some(Bucket::new(count(lease.granted), count(lease.left), asked, seconds))
}

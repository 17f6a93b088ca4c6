//! Limits that hold over several gateways.
//!
//! Permits are leased from the shared window in portions, and the next one before the last is used up, so that hardly
//! any request waits for the database. They count as used when they are leased: all gateways together never exceed the
//! rate. A client may get fewer, by the unused permits of other gateways: at most a portion and a half each. Without
//! the database each gateway counts for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

use crate::config::file::Rate;
use crate::limits::bucket::Bucket;
use crate::limits::verdict::RateVerdict;
use crate::store::database::Database;
use crate::store::rate_windows::{self, LeaseRequest};

/// From this many clients on, those whose window is over are forgotten now and then.
const MANY: usize = 10_000;
/// The largest portion of a rate of at most this many a second. No portion exceeds a twentieth of its rate.
const PORTION: i32 = 64;
const SHARE: i32 = 20;

/// The permits of a client.
#[derive(Debug, Default)]
struct ClientPermits {
    /// `None` before its first request.
    bucket: Mutex<Option<Bucket>>,
    /// Wakes the requests that wait for a portion that is on its way.
    came: Notify,
}

/// The clients of this process, and the count at which old ones are swept out.
#[derive(Debug)]
struct Buckets {
    /// The clients by the name of the rate.
    all: HashMap<String, HashMap<String, Arc<ClientPermits>>>,
    sweep_at: usize,
}

impl Buckets {
    fn find(&self, rate: &str, client: &str) -> Option<Arc<ClientPermits>> {
        self.all.get(rate)?.get(client).map(Arc::clone)
    }

    fn count(&self) -> usize {
        self.all.values().map(HashMap::len).sum()
    }
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
    pub(crate) async fn take(&self, rate: &Rate, client: &str) -> RateVerdict {
        let slot = self.slot(rate, client);
        let verdict = loop {
            // Requests of one client wait together for a new portion.
            let mut bucket = slot.bucket.lock().await;
            let verdict = bucket.as_mut().and_then(|bucket| bucket.take(Instant::now()));
            if verdict.is_some() {
                if let Some(database) = self.worth_asking()
                    && bucket.as_mut().is_some_and(Bucket::runs_low)
                {
                    ask_ahead(Arc::clone(database), Arc::clone(&slot), rate.clone(), client);
                }
                break verdict;
            }
            // A second question would take more than necessary from the other gateways.
            if bucket.as_ref().is_some_and(Bucket::is_asked) {
                let came = slot.came.notified();
                drop(bucket);
                came.await;
                continue;
            }
            let mut fresh = self.lease(rate, client, bucket.as_ref()).await;
            let verdict = fresh.take(Instant::now());
            *bucket = Some(fresh);
            break verdict;
        };
        // A portion that ran out on the way is of a window that is over.
        let verdict = verdict.unwrap_or(RateVerdict {
            allowed: true,
            left: rate.requests.saturating_sub(1),
            reset: rate.window.0,
        });
        if !verdict.allowed {
            metrics::counter!("gateway_limited_total", "rate" => rate.name.clone()).increment(1);
        }
        verdict
    }

    /// Returns how long a client without permits has to wait. It asks no database and counts nothing.
    pub(crate) async fn spent(&self, rate: &str, client: &str) -> Option<Duration> {
        let known = {
            let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            buckets.find(rate, client)
        };
        let slot = known?;
        let bucket = slot.bucket.lock().await;
        bucket.as_ref().and_then(|bucket| bucket.spent(Instant::now()))
    }

    fn slot(&self, rate: &Rate, client: &str) -> Arc<ClientPermits> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.find(&rate.name, client) {
            return known;
        }
        if buckets.count() >= buckets.sweep_at {
            let now = Instant::now();
            let in_use = |slot: &Arc<ClientPermits>| match slot.bucket.try_lock() {
                Ok(bucket) => bucket.as_ref().is_some_and(|bucket| !bucket.is_over(now)),
                Err(_) => true,
            };
            for clients in buckets.all.values_mut() {
                clients.retain(|_, slot| in_use(slot));
            }
            // With this the cost of sweeps per new client is constant.
            buckets.sweep_at = MANY.max(buckets.count() * 2);
        }
        let clients = buckets.all.entry(rate.name.clone()).or_default();
        Arc::clone(clients.entry(client.to_owned()).or_default())
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
        // This process counts alone. Permits leased before the database went away are included.
        match before.filter(|before| !before.is_over(asked)) {
            Some(before) => before.alone(rate.requests),
            None => Bucket::new(rate.requests, 0, asked, rate.window.0),
        }
    }
}

/// Asks for the next portion while requests use up the last.
fn ask_ahead(database: Arc<Database>, slot: Arc<ClientPermits>, rate: Rate, client: &str) {
    let client = client.to_owned();
    tokio::spawn(async move {
        let portion = portion(&database, &rate, &client).await;
        if let Some(bucket) = slot.bucket.lock().await.as_mut() {
            bucket.add(portion, Instant::now());
        }
        slot.came.notify_waiters();
    });
}

/// Leases a portion of the window that all gateways share, if the database answers.
async fn portion(database: &Database, rate: &Rate, client: &str) -> Option<Bucket> {
    let asked = Instant::now();
    let requests = i32::try_from(rate.requests).unwrap_or(i32::MAX);
    let window_seconds = i32::try_from(rate.window.0.as_secs()).unwrap_or(i32::MAX);
    // A client with a high rate costs one statement a second, rather than one for each 64 requests.
    let largest = PORTION.max(requests / window_seconds.max(1));
    let most = (requests / SHARE).clamp(1, largest);
    let ask = LeaseRequest { rate: &rate.name, client, requests, window_seconds, most };
    let lease = database.ask(async |pool| rate_windows::lease(pool, ask).await).await;
    metrics::counter!("gateway_rate_leases_total").increment(1);
    let lease = lease.ok()?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let seconds = Duration::try_from_secs_f64(lease.seconds).unwrap_or_default();
    Some(Bucket::new(count(lease.granted), count(lease.left), asked, seconds))
}

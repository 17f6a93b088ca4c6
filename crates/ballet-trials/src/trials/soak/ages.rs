//! Lets days pass for all services: their databases' clock and those of their processes go ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet::Clock;
use ballet_stage::wait_until;
use ballet_store::database::clock_ahead::set_ahead;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};

use crate::running::long_run::LongRun;

/// How long a service may take to make its partitions.
const CAUGHT_UP: Duration = Duration::from_secs(300);

/// The time that has passed for the system beyond the real time. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ages {
    begun: Instant,
    /// In seconds.
    ahead: Arc<AtomicI64>,
}

impl Ages {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), ahead: Arc::default() }
    }

    /// How far the system's clock is ahead of this machine's.
    pub(crate) fn ahead(&self) -> SignedDuration {
        SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed))
    }

    /// The time that has passed for the system.
    pub(crate) fn passed(&self) -> SignedDuration {
        let real = SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default();
        real.saturating_add(self.ahead())
    }

    /// A clock that goes with the system's.
    pub(crate) fn clock(&self) -> Clock {
        let (ages, system) = (self.clone(), Clock::system());
        let seed = system.new_id(system.now()).as_u128();
        let now = move || system.now() + ages.ahead();
        Clock::new(now, u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default())
    }

    /// Lets some time pass at once.
    ///
    /// The processes' own clocks go first: what a process receives is refused only if it is ahead of
    /// both its own clock and its database's, and processes learn of their databases' time within
    /// seconds. What is counted in seconds goes on as it was: the leases of processes, and the claims
    /// of calls that are being made.
    pub(crate) async fn step(&self, run: &LongRun, by: SignedDuration) -> Result<()> {
        let (ahead, by) = (self.ahead().saturating_add(by).as_secs(), by.as_secs());
        self.wait_for_partitions(run, ahead).await?;
        run.fleet.set_clocks(ahead).await?;
        for service in run.services() {
            let mut db = PgConnection::connect(run.stage.env.admin_database_url(service)).await?;
            let passed = set_ahead(&mut db, ahead, by).await;
            passed.with_context(|| format!("no time passes in the database of {service}"))?;
            db.close().await?;
        }
        self.ahead.store(ahead, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until each service has a partition for the time after a step. On a busy machine making
    /// and dropping them may take longer than the time between two steps; then fewer days pass.
    async fn wait_for_partitions(&self, run: &LongRun, ahead: i64) -> Result<()> {
        let then = Clock::system().now() + SignedDuration::from_secs(ahead);
        let name = format!("inbox_{}", then.strftime("%Y%m%d"));
        for service in run.services() {
            let what = format!("the partition {name} of {service}");
            let made = wait_until(&what, CAUGHT_UP, || async {
                let url = run.stage.env.admin_database_url(service);
                let mut db = PgConnection::connect(url).await?;
                let made = "select 1 from pg_class where relname = $1 and relispartition";
                let made: Option<(i32,)> =
                    sqlx::query_as(made).bind(&name).fetch_optional(&mut db).await?;
                db.close().await?;
                Ok::<_, sqlx::Error>(made.map(drop))
            });
            made.await?;
        }
        Ok(())
    }
}

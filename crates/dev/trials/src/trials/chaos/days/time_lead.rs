//! Lets days pass for all services, by shifting the clocks of their databases and processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::Clock;
use ballet_stage::wait_until;
use ballet_store::database::clock_ahead::set_ahead;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};

use crate::running::clock;
use crate::running::long_run::LongRun;

/// A service makes its partitions within this time.
const CAUGHT_UP: Duration = Duration::from_secs(300);

/// Beyond real time, in seconds. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeLead(Arc<AtomicI64>);

impl TimeLead {
    /// Ahead of this machine's clock.
    pub(crate) fn ahead(&self) -> SignedDuration {
        SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn clock(&self) -> Clock {
        let lead = self.clone();
        clock::ahead(move || lead.ahead())
    }

    /// The processes' clocks go first: a process refuses a message only if it is ahead of its own and its database's
    /// clock, whose time it learns within seconds. Spans in seconds, such as leases and claims, are not affected.
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
        self.0.store(ahead, Ordering::Relaxed);
        Ok(())
    }

    /// A busy machine may need longer than the time between two steps. Fewer days pass then.
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

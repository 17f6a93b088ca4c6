//! Days pass for the services while customers come: partitions come and go, deadlines pass.

mod handled_messages;
pub(crate) mod time_lead;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_ops::terminal::ui;
use ballet_store::calls::stored::count_open;
use ballet_store::partitions::count_dropped;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::load::load::Load;
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::trials::chaos::days::handled_messages::HandledMessages;
use crate::trials::chaos::days::time_lead::TimeLead;

/// Services make partitions for three days ahead.
const STEP: SignedDuration = SignedDuration::from_hours(60);
/// Real time, while customers come.
const EVERY: Duration = Duration::from_secs(8);
/// Real time, after the last customer.
const EVERY_AFTER: Duration = Duration::from_secs(4);
/// The maximum number of clock steps after the last customer, until all sagas have ended and calls are answered.
const MOST_AFTER: u32 = 40;

pub(crate) struct PassingDays<'a> {
    run: &'a LongRun,
    recorder: Recorder,
    lead: TimeLead,
    handled: Mutex<HandledMessages>,
}

impl<'a> PassingDays<'a> {
    /// Customers have the clock with this lead.
    pub(crate) fn new(run: &'a LongRun, recorder: Recorder, lead: TimeLead) -> Self {
        Self { run, recorder, lead, handled: Mutex::default() }
    }

    pub(crate) fn ahead(&self) -> SignedDuration {
        self.lead.ahead()
    }

    pub(crate) fn passed(&self) -> i64 {
        self.lead.ahead().as_hours() / 24
    }

    /// An inbox may have forgotten them.
    pub(crate) async fn handled(&self) -> HashSet<Uuid> {
        self.handled.lock().await.all()
    }

    pub(crate) async fn pass(&self, until: Instant) -> Result<()> {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < until {
            ticks.tick().await;
            self.step().await?;
        }
        Ok(())
    }

    /// Lets days pass until every saga has ended and every call has its answer. Some take longer than the run.
    pub(crate) async fn pass_until_all_have_ended(&self, load: &Load) -> Result<()> {
        for _ in 0..MOST_AFTER {
            let (open, calls) = (load.open().0, self.open_calls().await?);
            if open == 0 && calls == 0 {
                break;
            }
            ui::say(&format!("day {}: {open} sagas are open, and {calls} calls", self.passed()));
            self.step().await?;
            tokio::time::sleep(EVERY_AFTER).await;
        }
        Ok(())
    }

    /// The number of partitions that each service has dropped with rows in them.
    pub(crate) async fn partitions_dropped(&self) -> Result<BTreeMap<&'static str, i64>> {
        let mut dropped = BTreeMap::new();
        for service in self.run.services() {
            let count = self.ask(service, async |db| count_dropped(db).await).await?;
            dropped.insert(service, count);
        }
        Ok(dropped)
    }

    /// Then checks the messages that inboxes may forget soon.
    async fn step(&self) -> Result<()> {
        self.lead.step(self.run, STEP).await?;
        self.handled.lock().await.check(self.run, &self.recorder).await?;
        self.recorder.record().journal.forget_events();
        Ok(())
    }

    async fn open_calls(&self) -> Result<i64> {
        let mut calls = 0;
        for service in self.run.services() {
            calls += self.ask(service, async |db| count_open(db).await).await?;
        }
        Ok(calls)
    }

    async fn ask<T>(
        &self,
        service: &str,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T> {
        let mut db = PgConnection::connect(self.run.stage.env.admin_database_url(service)).await?;
        let answer = question(&mut db).await;
        db.close().await?;
        answer.with_context(|| format!("the database of {service}"))
    }
}

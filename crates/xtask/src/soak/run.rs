//! One run: orders come in, days pass, samples are taken; then everything is checked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_store::calls::stored::count_open;
use ballet_store::partitions::count_dropped;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use tokio::time::MissedTickBehavior;

use crate::harness::cases::{self, Case, SLOW_CARRIER};
use crate::harness::load::{Load, Mix};
use crate::harness::long_run::LongRun;
use crate::harness::oracle::{self, Known, Verdict};
use crate::harness::record::Recorder;
use crate::harness::services::SERVICES;
use crate::harness::storefront::STOREFRONT;
use crate::process::stop::Stop;
use crate::soak::ages::Ages;
use crate::soak::args::{Pace, days};
use crate::soak::handled::Handled;
use crate::soak::measure::{Sample, What};
use crate::soak::report::{Report, grew};
use crate::soak::sampler::Sampler;
use crate::soak::verdict::judge;
use crate::ui;

const SAY_EVERY: Duration = Duration::from_secs(15);
/// One order of this many waits for a carrier until its deadline has passed.
const WAITS_FOR_CARRIER: usize = 100;
/// The most steps of the clock after the last order, until every deadline has passed and every
/// carrier has answered.
const MOST_STEPS_AFTER: u32 = 40;
/// The real time between these steps.
const STEP_AFTER: Duration = Duration::from_secs(4);
const MOST_FAILURES: usize = 20;

pub(crate) struct Soak<'a> {
    pace: Pace,
    run: &'a LongRun,
    recorder: Recorder,
    load: Load,
    ages: Ages,
    handled: tokio::sync::Mutex<Handled>,
    taken: Mutex<Taken>,
    begun: Instant,
}

/// The samples so far.
#[derive(Default)]
struct Taken {
    samples: Vec<Sample>,
    failed: Vec<String>,
}

impl<'a> Soak<'a> {
    pub(crate) async fn begin(pace: Pace, rate: u32, run: &'a LongRun) -> Result<Self> {
        let ages = Ages::new();
        let recorder = Recorder::start(run).await?;
        let storefront = run.broker(run.stage.env.amqp_url(STOREFRONT))?;
        let mix = Mix { cases: cases(pace), rate, clock: ages.clock() };
        let load = Load::new(storefront, run.stage.http.clone(), recorder.clone(), mix);
        let (handled, taken) = (tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { pace, run, recorder, load, ages, handled, taken, begun: Instant::now() })
    }

    /// Runs until the time is over or the user stops it, then checks everything.
    pub(crate) async fn run(self, stop: &mut Stop) -> Result<(Report, Vec<Sample>)> {
        let played = async {
            tokio::select! {
                played = Box::pin(self.play()) => played?,
                () = stop.asked() => ui::say("stopped early; what was done so far is checked"),
            }
            self.wait_for_carriers().await?;
            let handled = std::mem::take(&mut *self.handled.lock().await).into_all();
            let known = Known { handled, ahead: self.ages.ahead() };
            let verdict =
                oracle::check_when_quiescent(self.run, &self.load, &self.recorder, &known).await;
            if self.pace.step.is_zero() {
                // Now every order has left all that it leaves behind.
                let mut sampler = Sampler::new(self.run, &self.recorder, &self.load);
                self.take_sample(&mut sampler).await;
            }
            verdict
        };
        let verdict = tokio::select! {
            // Restarts the services whenever they end. It returns only with an error.
            failed = self.run.fleet.keep() => { failed?; bail!("it never returns by itself") }
            verdict = Box::pin(played) => verdict?,
        };
        self.report(verdict).await
    }

    async fn play(&self) -> Result<()> {
        self.run.ready().await?;
        let Pace { length, step, .. } = self.pace;
        ui::say(&format!(
            "{} processes of {} services are ready; orders come in for {:.0} minutes, and {:.1} days \
             pass at each step of the clock",
            self.run.fleet.size().await,
            SERVICES.len(),
            length.as_secs_f64() / 60.0,
            days(step),
        ));
        let until = Instant::now() + length;
        self.recorder.record().begin();
        tokio::try_join!(
            self.load.run(&self.run.fleet, until),
            self.let_time_pass(until),
            self.take_samples(until),
            self.show_progress(until),
        )?;
        Ok(())
    }

    async fn let_time_pass(&self, until: Instant) -> Result<()> {
        let mut ticks = tokio::time::interval(self.pace.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < until {
            ticks.tick().await;
            self.step().await?;
        }
        Ok(())
    }

    /// Lets the clock go ahead once, and checks what the inboxes may forget soon.
    async fn step(&self) -> Result<()> {
        if !self.pace.step.is_zero() {
            self.ages.step(self.run, self.pace.step).await?;
        }
        let checked = self.handled.lock().await.check(self.run, &self.recorder).await;
        self.recorder.record().journal.forget_events();
        checked
    }

    async fn take_samples(&self, until: Instant) -> Result<()> {
        let mut sampler = Sampler::new(self.run, &self.recorder, &self.load);
        let mut ticks = tokio::time::interval(self.pace.sample_every);
        // The first tick comes at once.
        ticks.tick().await;
        while Instant::now() < until {
            ticks.tick().await;
            self.take_sample(&mut sampler).await;
        }
        Ok(())
    }

    async fn take_sample(&self, sampler: &mut Sampler<'_>) {
        let (at, days) = (self.begun.elapsed(), days(self.ages.passed()));
        let sampled = sampler.sample().await;
        let mut taken = lock(&self.taken);
        match sampled {
            Ok(values) => taken.samples.push(Sample { at, days, values }),
            Err(error) if taken.failed.len() < MOST_FAILURES => {
                taken.failed.push(format!("after {:.0} s: {error:#}", at.as_secs_f64()));
            }
            Err(_) => {}
        }
    }

    /// After the last order days go on to pass, until the carrier has answered everybody.
    async fn wait_for_carriers(&self) -> Result<()> {
        if self.pace.step.is_zero() {
            return Ok(());
        }
        for _ in 0..MOST_STEPS_AFTER {
            let open = self.load.open().0;
            let calls = self.ask("shipping", async |db| count_open(db).await).await?;
            if open == 0 && calls == 0 {
                return Ok(());
            }
            ui::say(&format!(
                "day {:.0}: {open} orders are open, and {calls} calls of shipping",
                days(self.ages.passed())
            ));
            self.step().await?;
            tokio::time::sleep(STEP_AFTER).await;
        }
        Ok(())
    }

    /// Asks the database of a service.
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

    /// Prints a line of progress now and then.
    async fn show_progress(&self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            tokio::time::sleep(SAY_EVERY.min(until - Instant::now())).await;
            let (open, orders) = self.load.open();
            let last = lock(&self.taken).samples.last().map(|sample| sample.values.clone());
            let values = last.unwrap_or_default();
            let sum = |of: What| {
                let all = values.iter().filter(|((what, _), _)| *what == of);
                of.unit().show(all.map(|(_, value)| value).sum())
            };
            ui::say(&format!(
                "{:>5} s, day {:.0}: {orders} orders, {open} open, {}, median {}, 99 % {}; memory {}; \
                 inbox {} in {}, ledger {} in {}, outbox {}, calls {}",
                self.begun.elapsed().as_secs(),
                days(self.ages.passed()),
                sum(What::Ended),
                sum(What::Median),
                sum(What::NinetyNinth),
                sum(What::Memory),
                sum(What::Inbox),
                sum(What::InboxPartitions),
                sum(What::Ledger),
                sum(What::LedgerPartitions),
                sum(What::Outbox),
                sum(What::Calls),
            ));
        }
        Ok(())
    }

    async fn report(self, verdict: Verdict) -> Result<(Report, Vec<Sample>)> {
        let mut partitions_dropped = BTreeMap::new();
        for service in SERVICES.iter().copied() {
            let dropped = self.ask(service, async |db| count_dropped(db).await).await?;
            partitions_dropped.insert(service.to_owned(), dropped);
        }
        let unexpected_exits = self.run.fleet.ends().await.unexpected_exits;
        let Taken { samples, failed: failed_samples } = std::mem::take(&mut *lock(&self.taken));
        let findings = judge(&samples);
        let grew = grew(&findings);
        let holds = verdict.holds() && unexpected_exits.is_empty() && grew.is_empty();
        let orders = self.load.orders.all();
        let record = self.recorder.record();
        let deadlines = orders.iter().filter(|(id, order)| {
            order.case == SLOW_CARRIER && record.journal.ended(**id).is_some()
        });
        let Verdict { rows, expected, lost, doubled, broken, unfinished } = verdict;
        let report = Report {
            held: holds && !samples.is_empty(),
            minutes: self.pace.length.min(self.begun.elapsed()).as_secs_f64() / 60.0,
            days: days(self.ages.passed()),
            orders: orders.len(),
            deadlines_passed: deadlines.count(),
            partitions_dropped,
            messages: record.messages.len(),
            effects_expected: expected,
            effects: expected.saturating_sub(lost.len()),
            rows,
            lost,
            doubled,
            broken,
            unfinished,
            unexpected_exits,
            failed_samples,
            grew,
            bytes_per_order: self.bytes_per_order(&samples, orders.len()),
            findings,
        };
        drop(record);
        Ok((report, samples))
    }

    /// What an order leaves behind in each kind of table, if no time passed in which it could be
    /// removed.
    fn bytes_per_order(&self, samples: &[Sample], orders: usize) -> BTreeMap<String, f64> {
        let (Some(first), Some(last), SignedDuration::ZERO) =
            (samples.first(), samples.last(), self.pace.step)
        else {
            return BTreeMap::new();
        };
        let kept = [What::Inbox, What::Ledger, What::Calls, What::OwnTables, What::Journal];
        let orders = f64::from(u32::try_from(orders).unwrap_or(u32::MAX)).max(1.0);
        let grown = |key| Some((last.values.get(key)? - first.values.get(key)?) / orders);
        let keys = last.values.keys().filter(|(what, _)| kept.contains(what));
        keys.filter_map(|key| Some((format!("{} of {}", key.0.name(), key.1), grown(key)?)))
            .collect()
    }
}

/// Orders of all kinds. Where time passes, some wait for a carrier until their deadline has passed.
fn cases(pace: Pace) -> Vec<Case> {
    let mut cases = cases::cases(300);
    if !pace.step.is_zero() {
        for case in cases.iter_mut().step_by(WAITS_FOR_CARRIER) {
            *case = SLOW_CARRIER;
        }
    }
    cases
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

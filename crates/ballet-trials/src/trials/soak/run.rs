//! One run: customers come, days pass, and samples are taken. At the end everything is checked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_ops::words::counted;
use ballet_store::calls::stored::count_open;
use ballet_store::partitions::count_dropped;
use ballet_terminal::ui;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use tokio::time::MissedTickBehavior;

use crate::load::load::{CustomerMix, Load};
use crate::oracle::{self, KnownFacts, OracleVerdict};
use crate::running::long_run::LongRun;
use crate::running::stop::Stop;
use crate::scene::record::Recorder;
use crate::system::subject::Subject;
use crate::trials::soak::args::{Pace, days};
use crate::trials::soak::handled_messages::HandledMessages;
use crate::trials::soak::measure::{MeasureKind, Sample};
use crate::trials::soak::report::{SoakReport, grew, is_measured};
use crate::trials::soak::sampler::Sampler;
use crate::trials::soak::time_lead::TimeLead;
use crate::trials::soak::verdict::judge;

const SAY_EVERY: Duration = Duration::from_secs(15);
/// The most steps of the clock after the last customer, until every saga has ended and every call has its answer.
const MOST_STEPS_AFTER: u32 = 40;
/// The real time between these steps.
const STEP_AFTER: Duration = Duration::from_secs(4);
const MOST_FAILURES: usize = 20;

pub(crate) struct Soak<'a> {
    subject: &'a Subject,
    pace: Pace,
    run: &'a LongRun,
    recorder: Recorder,
    load: Load,
    lead: TimeLead,
    handled: tokio::sync::Mutex<HandledMessages>,
    taken: Mutex<SampleLog>,
    begun: Instant,
}

/// The samples so far.
#[derive(Default)]
struct SampleLog {
    samples: Vec<Sample>,
    missed: usize,
    /// The reasons of the first failures.
    failed: Vec<String>,
}

impl<'a> Soak<'a> {
    pub(crate) async fn begin(
        subject: &'a Arc<Subject>,
        pace: Pace,
        rate: u32,
        run: &'a LongRun,
    ) -> Result<Self> {
        let lead = TimeLead::new();
        let recorder = Recorder::start(run, subject.clone(), subject.types_from_outside()).await?;
        let cases =
            if pace.step.is_zero() { subject.mix() } else { subject.mix_with_those_of_days() };
        let mix = CustomerMix { cases, rate, clock: lead.clock(), gateway: None };
        let load = Load::new(run, subject, &recorder, mix)?;
        let (handled, taken) = (tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { subject, pace, run, recorder, load, lead, handled, taken, begun: Instant::now() })
    }

    /// Runs until the time is over or the user stops it, then checks everything.
    pub(crate) async fn run(self, stop: &mut Stop) -> Result<(SoakReport, Vec<Sample>)> {
        let played = async {
            tokio::select! {
                played = Box::pin(self.play()) => played?,
                () = stop.asked() => ui::say("stopped early; what was done so far is checked"),
            }
            self.wait_for_those_of_days().await?;
            let handled = std::mem::take(&mut *self.handled.lock().await).into_all();
            let known = KnownFacts { handled, ahead: self.lead.ahead() };
            let (subject, run, load) = (self.subject, self.run, &self.load);
            let mut verdict =
                oracle::check_when_quiescent(subject, run, load, &self.recorder, &known).await;
            verdict.iter_mut().for_each(|verdict| verdict.broken.extend(load.not_tried()));
            if self.pace.step.is_zero() {
                // Every saga has now left behind all that it leaves.
                let mut sampler = self.sampler();
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

    fn sampler(&self) -> Sampler<'_> {
        let usual = self.subject.cases.first().map_or("", |case| case.name);
        Sampler::new(self.run, &self.recorder, &self.load, usual)
    }

    async fn play(&self) -> Result<()> {
        self.run.ready().await?;
        self.subject.tried.prepare(&self.load.site).await?;
        let Pace { length, step, .. } = self.pace;
        ui::say(&format!(
            "{} of {} are ready; customers come for {:.0} minutes, and {:.1} days \
             pass at each step of the clock",
            counted(self.run.fleet.size().await, "process"),
            counted(self.run.services().len(), "service"),
            length.as_secs_f64() / 60.0,
            days(step),
        ));
        let until = Instant::now() + length;
        self.recorder.record().begin();
        tokio::try_join!(
            self.load.run(until),
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

    /// Moves the clock on once, and checks the messages that the inboxes may forget soon.
    async fn step(&self) -> Result<()> {
        if !self.pace.step.is_zero() {
            self.lead.step(self.run, self.pace.step).await?;
        }
        let checked = self.handled.lock().await.check(self.run, &self.recorder).await;
        self.recorder.record().journal.forget_events();
        checked
    }

    async fn take_samples(&self, until: Instant) -> Result<()> {
        let mut sampler = self.sampler();
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
        let (at, days) = (self.begun.elapsed(), days(self.lead.passed()));
        let sampled = sampler.sample().await;
        let mut taken = lock(&self.taken);
        match sampled {
            Ok(values) => taken.samples.push(Sample { at, days, values }),
            Err(error) => {
                taken.missed += 1;
                if taken.failed.len() < MOST_FAILURES {
                    taken.failed.push(format!("after {:.0} s: {error:#}", at.as_secs_f64()));
                }
            }
        }
    }

    /// Lets days pass after the last customer, until every saga has ended and every call has its answer.
    async fn wait_for_those_of_days(&self) -> Result<()> {
        if self.pace.step.is_zero() {
            return Ok(());
        }
        for _ in 0..MOST_STEPS_AFTER {
            let open = self.load.open().0;
            let mut calls = 0;
            for service in self.run.services() {
                calls += self.ask(service, async |db| count_open(db).await).await?;
            }
            if open == 0 && calls == 0 {
                return Ok(());
            }
            ui::say(&format!(
                "day {:.0}: {open} {} are open, and {calls} calls",
                days(self.lead.passed()),
                self.subject.sagas,
            ));
            self.step().await?;
            tokio::time::sleep(STEP_AFTER).await;
        }
        Ok(())
    }

    /// Runs a query on the database of a service.
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
            let (open, all) = self.load.open();
            let last = lock(&self.taken).samples.last().map(|sample| sample.values.clone());
            let values = last.unwrap_or_default();
            let sum = |of: MeasureKind| {
                let all = values.iter().filter(|((what, _), _)| *what == of);
                of.unit().show(all.map(|(_, value)| value).sum())
            };
            ui::say(&format!(
                "{:>5} s, day {:.0}: {all} {}, {open} open, {}, median {}, 99 % {}; memory {}; \
                 inbox {} in {}, ledger {} in {}, outbox {}, calls {}",
                self.begun.elapsed().as_secs(),
                days(self.lead.passed()),
                self.subject.sagas,
                sum(MeasureKind::Ended),
                sum(MeasureKind::Median),
                sum(MeasureKind::NinetyNinth),
                sum(MeasureKind::Memory),
                sum(MeasureKind::Inbox),
                sum(MeasureKind::InboxPartitions),
                sum(MeasureKind::Ledger),
                sum(MeasureKind::LedgerPartitions),
                sum(MeasureKind::Outbox),
                sum(MeasureKind::Calls),
            ));
        }
        Ok(())
    }

    async fn report(self, verdict: OracleVerdict) -> Result<(SoakReport, Vec<Sample>)> {
        let mut partitions_dropped = BTreeMap::new();
        for service in self.run.services() {
            let dropped = self.ask(service, async |db| count_dropped(db).await).await?;
            partitions_dropped.insert(service.to_owned(), dropped);
        }
        let unexpected_exits = self.run.fleet.ends().await.unexpected_exits;
        let SampleLog { samples, missed, failed } = std::mem::take(&mut *lock(&self.taken));
        let findings = judge(&samples, |service| self.subject.tried.remembers_days(service));
        let grew = grew(&findings);
        let holds = verdict.holds() && unexpected_exits.is_empty() && grew.is_empty();
        let sagas = self.load.sagas.all();
        let record = self.recorder.record();
        let of_days = &self.subject.cases[self.subject.usual..];
        let took_days = sagas.iter().filter(|(id, placed)| {
            let takes_days = of_days.iter().any(|case| case.name == placed.case);
            takes_days && record.journal.ended(**id).is_some()
        });
        let report = SoakReport {
            held: holds && is_measured(samples.len(), missed),
            minutes: self.pace.length.min(self.begun.elapsed()).as_secs_f64() / 60.0,
            days: days(self.lead.passed()),
            sagas: sagas.len(),
            took_days: took_days.count(),
            partitions_dropped,
            messages: record.messages.len(),
            effects: verdict.expected.saturating_sub(verdict.lost.len()),
            verdict,
            unexpected_exits,
            samples: samples.len(),
            missed_samples: missed,
            failed_samples: failed,
            judged: findings.iter().filter(|finding| finding.is_judged()).count(),
            grew,
            bytes_per_saga: self.bytes_per_saga(&samples, sagas.len()),
            findings,
        };
        drop(record);
        Ok((report, samples))
    }

    /// The bytes that a saga leaves behind in each kind of table, if no time passed in which they could be removed.
    fn bytes_per_saga(&self, samples: &[Sample], sagas: usize) -> BTreeMap<String, f64> {
        let (Some(first), Some(last), SignedDuration::ZERO) =
            (samples.first(), samples.last(), self.pace.step)
        else {
            return BTreeMap::new();
        };
        let kept = [
            MeasureKind::Inbox,
            MeasureKind::Ledger,
            MeasureKind::Calls,
            MeasureKind::OwnTables,
            MeasureKind::Journal,
        ];
        let sagas = f64::from(u32::try_from(sagas).unwrap_or(u32::MAX)).max(1.0);
        let grown = |key| Some((last.values.get(key)? - first.values.get(key)?) / sagas);
        let keys = last.values.keys().filter(|(what, _)| kept.contains(what));
        keys.filter_map(|key| Some((format!("{} of {}", key.0.name(), key.1), grown(key)?)))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

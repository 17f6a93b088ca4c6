//! Storms of faults, each followed by a check at quiescence.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_ops::terminal::ui;
use ballet_ops::words::counted;

use crate::dice::Dice;
use crate::load::load::CustomerMix;
use crate::running::long_run::LongRun;
use crate::scene::record::Stall;
use crate::system::subject::Subject;
use crate::trials::chaos::args::Args;
use crate::trials::chaos::days::PassingDays;
use crate::trials::chaos::days::time_lead::TimeLead;
use crate::trials::chaos::faults::Faults;
use crate::trials::chaos::faults::baseline::Baseline;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::chaos::faults::undo::undo;
use crate::trials::chaos::report::ChaosReport;
use crate::trials::chaos::tries::{FaultTries, UncausedKinds};
use crate::trials::oracle::{self, KnownFacts, OracleVerdict};
use crate::trials::scene::Scene;

const SAY_EVERY: Duration = Duration::from_secs(5);
/// The time that the last fault and the last customers of a storm may take. A server may need five minutes to start.
const LAST: Duration = Duration::from_secs(10 * 60);
/// A storm after the end of the run, for kinds still to be caused.
const ANOTHER: Duration = Duration::from_secs(10);
const MOST_FAILURES: usize = 50;

#[derive(Debug, Default)]
struct FaultLog {
    tries: FaultTries,
    failed: Vec<String>,
    now: String,
    /// All faults but kills, each with the time until its cause was gone.
    spans: Vec<(FaultKind, Instant, Instant)>,
}

struct Storm<'a> {
    scene: Scene<'a>,
    args: &'a Args,
    baseline: Baseline,
    /// The days that pass in place of faults.
    days: Option<PassingDays<'a>>,
    done: Mutex<FaultLog>,
    begun: Instant,
}

/// Runs storms until the run's limits are reached, and returns the report.
pub(crate) async fn run(
    subject: &Arc<Subject>,
    args: &Args,
    seed: u64,
    run: &LongRun,
) -> Result<ChaosReport> {
    let baseline = Baseline::record(run, subject.tried.sandboxes()).await?;
    let cases = match &args.case {
        Some(name) => vec![subject.case(name)?],
        None => subject.mix(),
    };
    let lead = TimeLead::default();
    let mix =
        CustomerMix { cases, rate: args.rate, clock: lead.clock(), ..CustomerMix::of(subject) };
    let mut scene = Scene::set_up(subject, run, mix).await?;
    scene.load.most_open = args.open;
    let days = args.days.then(|| PassingDays::new(run, scene.recorder.clone(), lead));
    let (done, begun) = (Mutex::default(), Instant::now());
    Box::pin(Storm { scene, args, baseline, days, done, begun }.play(seed)).await
}

impl Storm<'_> {
    async fn play(&self, seed: u64) -> Result<ChaosReport> {
        let Scene { subject, run, recorder, load } = &self.scene;
        run.ready().await?;
        subject.tried.prepare(&load.site).await?;
        let (processes, services) = (run.fleet.size().await, run.services().len());
        ui::say(&format!(
            "{} of {} are ready",
            counted(processes, "process"),
            counted(services, "service")
        ));
        let mut killer = self.faults(Dice::new(seed, 1));
        let (kinds, impossible) = self.possible(&killer)?;
        let mut wrecker = self.faults(Dice::new(seed, 2));
        let (mut checks, mut longest, mut known) = (0, Duration::ZERO, KnownFacts::default());
        loop {
            let length = match self.left() {
                Duration::ZERO => ANOTHER,
                left if self.days.is_some() => left,
                left => left.min(Duration::from_secs(self.args.storm)),
            };
            let until = Instant::now() + length;
            recorder.record().begin();
            let storm = Box::pin(async {
                tokio::try_join!(
                    self.kill(&mut killer, &kinds, until),
                    self.wreck(&mut wrecker, &kinds, until),
                    load.run(until),
                    self.meanwhile(until),
                    self.show_progress(until),
                )
            });
            let ended = tokio::time::timeout_at((until + LAST).into(), storm).await;
            ended.with_context(|| self.list_unfinished())??;
            run.open_proxies();
            if let Some(days) = &self.days {
                days.pass_until_all_have_ended(load).await?;
                known = KnownFacts { handled: days.handled().await, ahead: days.ahead() };
            }
            let calm_since = Instant::now();
            let mut verdict = oracle::check_when_quiescent(&self.scene, &known).await?;
            verdict.broken.extend(load.not_tried());
            checks += 1;
            longest = longest.max(calm_since.elapsed());
            let bad_ends = !run.fleet.ends().await.are_good();
            let chosen = self.args.chooses_kinds();
            let over = (self.kills() >= self.args.kills || self.left().is_zero())
                && !self.done().tries.are_open(&kinds, chosen);
            if !verdict.holds() || bad_ends || over {
                let mut never = match &self.days {
                    Some(days) if days.passed() > 0 => UncausedKinds::default(),
                    _ => self.done().tries.never_caused(&kinds, chosen),
                };
                never.left_out.splice(..0, impossible);
                return self.report(seed, verdict, never, checks, longest).await;
            }
            {
                let mut record = recorder.record();
                known.handled.extend(record.messages.keys());
                record.journal.forget_events();
            }
            ui::say(&format!(
                "check {checks}: everything held after {:.1} s, {} rows",
                calm_since.elapsed().as_secs_f64(),
                verdict.rows
            ));
            if kinds.contains(&FaultKind::Queue) {
                self.cause(&mut wrecker, FaultKind::Queue).await?;
            }
        }
    }

    /// # Errors
    ///
    /// If the user has named one of the others.
    fn possible(&self, faults: &Faults<'_>) -> Result<(Vec<FaultKind>, Vec<String>)> {
        let (mut kinds, mut impossible) = (self.args.kinds(), Vec::new());
        kinds.retain(|kind| {
            let why = faults.impossible(*kind);
            impossible.extend(why.map(|why| format!("{}: {why}", kind.name())));
            why.is_none()
        });
        if self.args.names_kinds() && !impossible.is_empty() {
            bail!("not possible here: {}", impossible.join("; "));
        }
        impossible.iter().for_each(|line| ui::say(&format!("left out, {line}")));
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        ui::say(&format!("faults: {names}"));
        Ok((kinds, impossible))
    }

    /// Days, or the system's activities besides the customers.
    async fn meanwhile(&self, until: Instant) -> Result<()> {
        match &self.days {
            Some(days) => days.pass(until).await,
            None => self.scene.load.meanwhile(until).await,
        }
    }

    /// Long after it should have ended.
    fn list_unfinished(&self) -> String {
        let fault = match &*self.done().now {
            "" => "no fault is under way".to_owned(),
            now => format!("a fault is under way: {now}"),
        };
        let customers = self.scene.load.under_way.load(Ordering::Relaxed);
        format!("a storm does not end for {LAST:?}: {fault}; {customers} customers wait")
    }

    fn faults(&self, dice: Dice) -> Faults<'_> {
        Faults { scene: &self.scene, baseline: &self.baseline, dice }
    }

    fn left(&self) -> Duration {
        self.args.limit().saturating_sub(self.begun.elapsed())
    }

    fn done(&self) -> std::sync::MutexGuard<'_, FaultLog> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kills(&self) -> usize {
        self.done().tries.caused(FaultKind::Kill)
    }

    /// Causes one fault and counts it.
    ///
    /// # Errors
    ///
    /// If the fault fails, and its remains cannot be undone.
    async fn cause(&self, faults: &mut Faults<'_>, kind: FaultKind) -> Result<()> {
        let shown = kind != FaultKind::Kill;
        if shown {
            kind.description().clone_into(&mut self.done().now);
        }
        let begun = Instant::now();
        let caused = faults.cause(kind).await;
        if let Err(error) = &caused {
            ui::say(&format!("{}: {error:#}", kind.name()));
            undo(self.scene.run, &self.baseline).await?;
        }
        let mut done = self.done();
        if shown {
            done.now.clear();
            done.spans.push((kind, begun, Instant::now()));
        }
        done.tries.note(kind, matches!(caused, Ok(Some(_))));
        if let Err(error) = caused
            && done.failed.len() < MOST_FAILURES
        {
            done.failed.push(format!("{}: {error:#}", kind.name()));
        }
        Ok(())
    }

    /// Each with its seconds since the start of the run.
    fn during(&self, stall: Stall, faults: &[(FaultKind, Instant, Instant)]) -> Vec<String> {
        let Some(began) = stall.began else { return Vec::new() };
        let since = |at: Instant| at.duration_since(self.begun).as_secs();
        let ended = began + stall.length;
        let overlap = faults.iter().filter(|(_, from, to)| *from < ended && *to > began);
        let fault = |(kind, from, to): &(FaultKind, Instant, Instant)| {
            format!("{} to {} s: {}", since(*from), since(*to), kind.description())
        };
        let whole = format!("{} to {} s: no event", since(began), since(ended));
        std::iter::once(whole).chain(overlap.map(fault)).collect()
    }

    /// Sometimes one right after the other.
    async fn kill(
        &self,
        faults: &mut Faults<'_>,
        kinds: &[FaultKind],
        until: Instant,
    ) -> Result<()> {
        if !kinds.contains(&FaultKind::Kill) {
            return Ok(());
        }
        while Instant::now() < until && self.kills() < self.args.kills {
            let pause =
                if faults.dice.one_in(5) { Duration::ZERO } else { faults.dice.millis(100, 1_100) };
            tokio::time::sleep(pause).await;
            self.cause(faults, FaultKind::Kill).await?;
        }
        Ok(())
    }

    async fn wreck(
        &self,
        faults: &mut Faults<'_>,
        kinds: &[FaultKind],
        until: Instant,
    ) -> Result<()> {
        let chosen = |kind: &FaultKind| std::iter::repeat_n(*kind, kind.weight());
        let chosen: Vec<FaultKind> = kinds.iter().flat_map(chosen).collect();
        // Each kind comes once before any repeats, again if it could not be caused.
        let mut first: Vec<FaultKind> =
            kinds.iter().copied().filter(|kind| kind.weight() > 0).collect();
        first.retain(|kind| self.done().tries.caused(*kind) == 0);
        faults.dice.shuffle(&mut first);
        first.sort_by_key(|kind| self.done().tries.may_be_unlucky(*kind));
        while Instant::now() < until {
            tokio::time::sleep(faults.dice.millis(200, 2_500)).await;
            let Some(kind) = first.pop().or_else(|| faults.dice.pick(&chosen).copied()) else {
                return Ok(());
            };
            self.cause(faults, kind).await?;
            if self.done().tries.may_be_unlucky(kind) {
                first.insert(0, kind);
            }
        }
        Ok(())
    }

    /// Every few seconds.
    async fn show_progress(&self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            tokio::time::sleep(SAY_EVERY.min(until - Instant::now())).await;
            let Scene { subject, recorder, load, .. } = &self.scene;
            let (open, sagas) = (load.open(), subject.sagas);
            let (messages, stall, quiet) = {
                let record = recorder.record();
                let quiet = record.quiet_for().unwrap_or_default();
                (record.messages.len(), record.longest_stall.length, quiet)
            };
            let done = self.done();
            let all: usize = done.tries.caused.values().sum();
            let kills = done.tries.caused(FaultKind::Kill);
            let now = if done.now.is_empty() { String::new() } else { format!("; {}", done.now) };
            let quiet = if quiet.as_secs() > 2 {
                format!(", no events for {quiet:.0?}")
            } else {
                String::new()
            };
            ui::say(&format!(
                "{:>4} s: {kills} kills, {} other faults, {} {sagas}, {} open, {messages} \
                 messages, longest stall {:.1} s{quiet}{now}",
                self.begun.elapsed().as_secs(),
                all - kills,
                open.1,
                open.0,
                stall.as_secs_f64(),
            ));
        }
        Ok(())
    }

    async fn report(
        &self,
        seed: u64,
        verdict: OracleVerdict,
        never: UncausedKinds,
        checks: usize,
        longest: Duration,
    ) -> Result<ChaosReport> {
        let partitions_dropped = match &self.days {
            Some(days) => days.partitions_dropped().await?,
            None => BTreeMap::new(),
        };
        let Scene { run, recorder, load, .. } = &self.scene;
        let ends = run.fleet.ends().await;
        let (_, sagas) = load.open();
        let record = recorder.record();
        let done = self.done();
        let held = verdict.holds() && ends.are_good() && never.failed.is_empty();
        Ok(ChaosReport {
            seed,
            held,
            seconds: self.begun.elapsed().as_secs(),
            days: self.days.as_ref().map_or(0, PassingDays::passed),
            partitions_dropped,
            checks,
            faults: done.tries.caused.clone(),
            failed_faults: done.failed.clone(),
            not_caused: never.failed,
            left_out: never.left_out,
            sagas,
            unanswered: load.unanswered.load(Ordering::Relaxed),
            messages: record.messages.len(),
            copies_with_new_ids: record.messages.values().filter(|message| message.copy).count(),
            repeated_ids: record.repeated,
            effects: verdict.expected.saturating_sub(verdict.lost.len()),
            verdict,
            longest_stall_ms: record.longest_stall.length.as_millis(),
            longest_stall_during: self.during(record.longest_stall, &done.spans),
            longest_recovery_ms: longest.as_millis(),
            stops: ends.stops,
            longest_stop_ms: ends.longest_stop.as_millis(),
            bad_stops: ends.bad_stops,
            crashes: ends.crashes,
            unexpected_exits: ends.unexpected_exits,
        })
    }
}

//! Storms of faults, each followed by a check at quiescence.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ballet_ops::terminal::ui;

use crate::dice::Dice;
use crate::load::load::CustomerMix;
use crate::running::long_run::LongRun;
use crate::system::subject::Subject;
use crate::trials::chaos::args::Args;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::chaos::faults::{Faults, undo};
use crate::trials::chaos::report::ChaosReport;
use crate::trials::oracle::{self, OracleVerdict};
use crate::trials::scene::Scene;

/// The time of faults between two checks.
const STORM: Duration = Duration::from_secs(60);
const SAY_EVERY: Duration = Duration::from_secs(5);
/// The time that the last fault and the last customers of a storm may take. A server may need five minutes to start.
const LAST: Duration = Duration::from_secs(10 * 60);
/// A storm after the end of the run, for kinds still to be caused, and the maximum number of such storms.
const ANOTHER: Duration = Duration::from_secs(10);
const MOST_OTHERS: usize = 6;

#[derive(Debug, Default)]
struct FaultLog {
    caused: BTreeMap<FaultKind, usize>,
    failed: Vec<String>,
    /// All but kills.
    now: Option<FaultKind>,
}

struct Storm<'a> {
    scene: Scene<'a>,
    args: &'a Args,
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
    let mix = CustomerMix { rate: args.rate, ..CustomerMix::of(subject) };
    let scene = Scene::set_up(subject, run, mix).await?;
    let (done, begun) = (Mutex::default(), Instant::now());
    Box::pin(Storm { scene, args, done, begun }.play(seed)).await
}

impl Storm<'_> {
    async fn play(&self, seed: u64) -> Result<ChaosReport> {
        let Scene { subject, run, recorder, load } = &self.scene;
        run.ready().await?;
        subject.tried.prepare(&load.site).await?;
        let mut killer = self.faults(Dice::new(seed, 1));
        let (kinds, impossible) = self.possible(&killer)?;
        let mut wrecker = self.faults(Dice::new(seed, 2));
        let (mut checks, mut others, mut recovery) = (0, 0, Duration::ZERO);
        loop {
            let left = self.args.limit().saturating_sub(self.begun.elapsed());
            let is_last = left <= STORM;
            others += usize::from(left.is_zero());
            let length = if left.is_zero() { ANOTHER } else { left.min(STORM) };
            let until = Instant::now() + length;
            recorder.record().begin();
            let storm = Box::pin(async {
                tokio::try_join!(
                    self.kill(&mut killer, &kinds, until),
                    self.wreck(&mut wrecker, &kinds, until),
                    load.run(|| Instant::now() >= until),
                    load.meanwhile(until),
                    self.show_progress(until),
                )
            });
            let ended = tokio::time::timeout_at((until + LAST).into(), storm).await;
            ended.with_context(|| {
                let customers = load.under_way.load(Ordering::Relaxed);
                let fault = self.done().now.map_or("no fault".to_owned(), FaultKind::name);
                format!("a storm does not end for {LAST:?}: {customers} customers wait, {fault} is under way")
            })??;
            run.open_proxies();
            let calm_since = Instant::now();
            let mut verdict = oracle::check_when_quiescent(&self.scene).await?;
            verdict.broken.extend(load.not_tried());
            checks += 1;
            recovery = recovery.max(calm_since.elapsed());
            let never = self.never_caused(&kinds);
            let is_over =
                is_last && (never.is_empty() || self.args.only.is_empty() || others >= MOST_OTHERS);
            if is_over || !verdict.holds() || !run.fleet.ends().await.are_good() {
                let (not_caused, mut left_out) = if self.args.only.is_empty() {
                    (Vec::new(), never)
                } else {
                    (never, Vec::new())
                };
                left_out.extend(impossible);
                return Ok(self
                    .report(seed, verdict, (not_caused, left_out), checks, recovery)
                    .await);
            }
            ui::say(&format!(
                "check {checks}: everything held after {:.1} s, {} rows",
                calm_since.elapsed().as_secs_f64(),
                verdict.rows
            ));
        }
    }

    /// Returns the kinds that can be caused here, and why others cannot.
    ///
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
        if !self.args.only.is_empty() && !impossible.is_empty() {
            bail!("not possible here: {}", impossible.join("; "));
        }
        ensure!(!kinds.is_empty(), "there is no fault to cause");
        let names: Vec<String> = kinds.iter().map(|kind| kind.name()).collect();
        ui::say(&format!("faults: {}", names.join(", ")));
        Ok((kinds, impossible))
    }

    fn faults(&self, dice: Dice) -> Faults<'_> {
        Faults { scene: &self.scene, dice }
    }

    fn done(&self) -> MutexGuard<'_, FaultLog> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn never_caused(&self, kinds: &[FaultKind]) -> Vec<String> {
        let done = self.done();
        let never = kinds.iter().filter(|kind| !done.caused.contains_key(kind));
        never.map(|kind| kind.name()).collect()
    }

    /// Causes one fault and counts it. Returns whether there was something to disturb.
    ///
    /// # Errors
    ///
    /// If the fault fails, and its remains cannot be undone.
    async fn cause(&self, faults: &mut Faults<'_>, kind: FaultKind) -> Result<bool> {
        if kind != FaultKind::Kill {
            self.done().now = Some(kind);
        }
        let caused = faults.cause(kind).await;
        if let Err(error) = &caused {
            let failed = format!("{}: {error:#}", kind.name());
            ui::say(&failed);
            self.done().failed.push(failed);
            undo(self.scene.run).await?;
        }
        let mut done = self.done();
        done.now.take_if(|now| *now == kind);
        let caused = caused.unwrap_or_default();
        if caused {
            *done.caused.entry(kind).or_default() += 1;
        }
        Ok(caused)
    }

    /// Sometimes one right after the other.
    async fn kill(
        &self,
        faults: &mut Faults<'_>,
        kinds: &[FaultKind],
        until: Instant,
    ) -> Result<()> {
        while kinds.contains(&FaultKind::Kill) && Instant::now() < until {
            let pause =
                if faults.dice.one_in(5) { Duration::ZERO } else { faults.dice.millis(100, 1_100) };
            tokio::time::sleep(pause).await;
            self.cause(faults, FaultKind::Kill).await?;
        }
        Ok(())
    }

    /// Each kind comes once before any repeats, again if there was nothing to disturb.
    async fn wreck(
        &self,
        faults: &mut Faults<'_>,
        kinds: &[FaultKind],
        until: Instant,
    ) -> Result<()> {
        let mut kinds = kinds.to_vec();
        kinds.retain(|kind| *kind != FaultKind::Kill);
        let mut first = kinds.clone();
        first.retain(|kind| !self.done().caused.contains_key(kind));
        faults.dice.shuffle(&mut first);
        while Instant::now() < until {
            tokio::time::sleep(faults.dice.millis(200, 2_500)).await;
            let next = first.pop();
            let Some(kind) = next.or_else(|| faults.dice.pick(&kinds).copied()) else {
                return Ok(());
            };
            if !self.cause(faults, kind).await? && next.is_some() {
                first.insert(0, kind);
            }
        }
        Ok(())
    }

    async fn show_progress(&self, until: Instant) -> Result<()> {
        let Scene { subject, recorder, load, .. } = &self.scene;
        while Instant::now() < until {
            tokio::time::sleep(SAY_EVERY.min(until - Instant::now())).await;
            let ((open, all), messages) = (load.open(), recorder.record().messages.len());
            let done = self.done();
            let kills = done.caused.get(&FaultKind::Kill).copied().unwrap_or_default();
            let faults = done.caused.values().sum::<usize>() - kills;
            let now = done.now.map(|kind| format!("; {}", kind.name())).unwrap_or_default();
            ui::say(&format!(
                "{:>4} s: {kills} kills, {faults} other faults, {all} {}, {open} open, {messages} messages{now}",
                self.begun.elapsed().as_secs(),
                subject.sagas
            ));
        }
        Ok(())
    }

    async fn report(
        &self,
        seed: u64,
        verdict: OracleVerdict,
        (not_caused, left_out): (Vec<String>, Vec<String>),
        checks: usize,
        recovery: Duration,
    ) -> ChaosReport {
        let Scene { run, recorder, load, .. } = &self.scene;
        let ends = run.fleet.ends().await;
        let (record, done) = (recorder.record(), self.done());
        ChaosReport {
            seed,
            held: verdict.holds() && ends.are_good() && not_caused.is_empty(),
            seconds: self.begun.elapsed().as_secs(),
            checks,
            faults: done.caused.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            failed_faults: done.failed.clone(),
            not_caused,
            left_out,
            sagas: load.sagas.all().len(),
            unanswered: load.unanswered.load(Ordering::Relaxed),
            messages: record.messages.len(),
            effects: verdict.expected.saturating_sub(verdict.lost.len()),
            verdict,
            longest_stall_seconds: record.longest_stall.as_secs_f64(),
            longest_recovery_seconds: recovery.as_secs_f64(),
            stops: ends.stops,
            longest_stop_seconds: ends.longest_stop.as_secs_f64(),
            bad_stops: ends.bad_stops,
            crashes: ends.crashes,
        }
    }
}

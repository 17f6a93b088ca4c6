//! Storms and rests, one after the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Args;
use super::dice::Dice;
use super::fault::Faults;
use super::kind::Kind;
use super::load::Load;
use super::oracle::{self, Judgement};
use super::record::Recorder;
use super::report::Report;
use super::stage::Stage;
use crate::demo::amqp::STOREFRONT;
use crate::ui;

const SAY_EVERY: Duration = Duration::from_secs(5);
/// No more than so much is told of what could not be done.
const MOST_TOLD: usize = 50;

/// What was done so far.
#[derive(Debug, Default)]
struct Done {
    counts: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
    /// What is being done now.
    now: String,
}

struct Storm<'a> {
    args: &'a Args,
    stage: &'a Stage,
    recorder: Recorder,
    load: Load,
    done: Mutex<Done>,
    begun: Instant,
}

/// Storms until there were enough; the figures.
pub(crate) async fn run(args: &Args, seed: u64, stage: &Stage) -> Result<Report> {
    let recorder = Recorder::start(stage).await?;
    let storefront = stage.broker(stage.bed.amqp_url(STOREFRONT))?;
    let load = Load::new(storefront, stage.http.clone(), recorder.clone(), args.rate);
    let begun = Instant::now();
    let storm = Storm { args, stage, recorder, load, done: Mutex::default(), begun };
    tokio::select! {
        // The services are started again whenever they end; this returns with an error only.
        failed = stage.fleet.keep() => { failed?; unreachable!("it never returns by itself") }
        report = Box::pin(storm.play(seed)) => report,
    }
}

impl Storm<'_> {
    async fn play(&self, seed: u64) -> Result<Report> {
        self.stage.open().await?;
        ui::say(&format!("{} processes of four services are ready", self.stage.fleet.size().await));
        let kinds = self.args.kinds();
        let mut killer = self.faults(Dice::new(seed, 1));
        let mut wrecker = self.faults(Dice::new(seed, 2));
        let (mut rests, mut longest) = (0, Duration::ZERO);
        loop {
            let until = Instant::now() + self.left().min(Duration::from_secs(self.args.storm));
            self.recorder.record().begin();
            tokio::try_join!(
                self.kill(&mut killer, &kinds, until),
                self.wreck(&mut wrecker, &kinds, until),
                self.load.run(&self.stage.fleet, until),
                self.tell(until),
            )?;
            self.stage.clear_ways();
            let calm = Instant::now();
            let judgement = oracle::rest(self.stage, &self.load, &self.recorder).await?;
            rests += 1;
            longest = longest.max(calm.elapsed());
            let bad_stops = !self.stage.fleet.ends().await.bad_stops.is_empty();
            let over = self.kills() >= self.args.kills || self.left().is_zero();
            if !judgement.holds() || bad_stops || over {
                return self.report(seed, judgement, rests, longest).await;
            }
            ui::say(&format!(
                "rest {rests}: all held, {} rows, after {:.1} s",
                judgement.rows,
                calm.elapsed().as_secs_f64()
            ));
            if kinds.contains(&Kind::Queue) {
                self.cause(&mut wrecker, Kind::Queue).await;
            }
        }
    }

    fn faults(&self, dice: Dice) -> Faults<'_> {
        Faults { stage: self.stage, recorder: &self.recorder, dice }
    }

    fn left(&self) -> Duration {
        self.args.limit().saturating_sub(self.begun.elapsed())
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kills(&self) -> usize {
        self.done().counts.get(Kind::Kill.name()).copied().unwrap_or_default()
    }

    /// Does one fault, and notes it down.
    async fn cause(&self, faults: &mut Faults<'_>, kind: Kind) {
        let of_note = kind != Kind::Kill;
        if of_note {
            kind.words().clone_into(&mut self.done().now);
        }
        let caused = faults.cause(kind).await;
        let mut done = self.done();
        if of_note {
            done.now.clear();
        }
        match caused {
            Ok(Some(_)) => *done.counts.entry(kind.name()).or_default() += 1,
            Err(error) if done.failed.len() < MOST_TOLD => {
                done.failed.push(format!("{}: {error:#}", kind.name()));
            }
            Ok(None) | Err(_) => {}
        }
    }

    /// Kills services, now and then one right after another.
    async fn kill(&self, faults: &mut Faults<'_>, kinds: &[Kind], until: Instant) -> Result<()> {
        if !kinds.contains(&Kind::Kill) {
            return Ok(());
        }
        while Instant::now() < until && self.kills() < self.args.kills {
            let pause =
                if faults.dice.one_in(5) { Duration::ZERO } else { faults.dice.millis(100, 1_100) };
            tokio::time::sleep(pause).await;
            self.cause(faults, Kind::Kill).await;
        }
        Ok(())
    }

    /// Everything else, one thing at a time.
    async fn wreck(&self, faults: &mut Faults<'_>, kinds: &[Kind], until: Instant) -> Result<()> {
        let chosen = |kind: &Kind| std::iter::repeat_n(*kind, kind.weight());
        let chosen: Vec<Kind> = kinds.iter().flat_map(chosen).collect();
        // Each kind once at first, so that a short run has all of them.
        let mut first: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.weight() > 0).collect();
        first.retain(|kind| !self.done().counts.contains_key(kind.name()));
        faults.dice.shuffle(&mut first);
        while Instant::now() < until {
            tokio::time::sleep(faults.dice.millis(200, 2_500)).await;
            let Some(kind) = first.pop().or_else(|| faults.dice.pick(&chosen).copied()) else {
                return Ok(());
            };
            self.cause(faults, kind).await;
        }
        Ok(())
    }

    /// Says how far it is.
    async fn tell(&self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            tokio::time::sleep(SAY_EVERY.min(until - Instant::now())).await;
            let (open, orders) = self.load.open();
            let (messages, stall, still) = {
                let record = self.recorder.record();
                (record.messages.len(), record.longest_stall, record.still())
            };
            let done = self.done();
            let all: usize = done.counts.values().sum();
            let kills = done.counts.get(Kind::Kill.name()).copied().unwrap_or_default();
            let now = if done.now.is_empty() { String::new() } else { format!("; {}", done.now) };
            let still = if still.as_secs() > 2 {
                format!(", still for {still:.0?}")
            } else {
                String::new()
            };
            ui::say(&format!(
                "{:>4} s: {kills} kills, {} other faults, {orders} orders, {open} open, {messages} \
                 messages, longest stall {:.1} s{still}{now}",
                self.begun.elapsed().as_secs(),
                all - kills,
                stall.as_secs_f64(),
            ));
        }
        Ok(())
    }

    async fn report(
        &self,
        seed: u64,
        judgement: Judgement,
        rests: usize,
        longest: Duration,
    ) -> Result<Report> {
        let ends = self.stage.fleet.ends().await;
        let (_, orders) = self.load.open();
        let record = self.recorder.record();
        let done = self.done();
        let held = judgement.holds() && ends.bad_stops.is_empty();
        let Judgement { rows, expected, lost, doubled, broken, unfinished } = judgement;
        Ok(Report {
            seed,
            held,
            seconds: self.begun.elapsed().as_secs(),
            rests,
            faults: done.counts.clone(),
            failed_faults: done.failed.clone(),
            orders,
            unanswered: self.load.unanswered.load(std::sync::atomic::Ordering::Relaxed),
            messages: record.messages.len(),
            other_ids: record.messages.values().filter(|message| message.copy).count(),
            same_ids: record.again,
            effects_expected: expected,
            effects: expected.saturating_sub(lost.len()),
            rows,
            lost,
            doubled,
            broken,
            unfinished,
            longest_stall_ms: record.longest_stall.as_millis(),
            longest_recovery_ms: longest.as_millis(),
            stops: ends.stops,
            longest_stop_ms: ends.longest_stop.as_millis(),
            bad_stops: ends.bad_stops,
            ended_by_themselves: ends.unasked,
        })
    }
}

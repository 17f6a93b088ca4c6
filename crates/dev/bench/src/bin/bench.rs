//! Runs the contestants in turn, and reports their figures.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::usage;
use bench::console::measure as console;
use bench::contestants::contestant::Contestant;
use bench::gateway;
use bench::report::groups::{self, Effort, Group};
use bench::report::outcome::{CaseRow, GroupOutcome};
use bench::runs::run;
use bench::runs::stage::BenchStage;
use bench::runs::statements::statements;
use bench::telemetry::measure as telemetry;
use clap::{Parser, ValueEnum};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// Compare ballet with hand-written code that does the same, on private servers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    /// The groups to measure [default: throughput latency half-peak].
    groups: Vec<Group>,
    /// Measure everything.
    #[arg(long)]
    all: bool,
    /// Run one short round, to see whether it works.
    #[arg(long)]
    quick: bool,
    /// Run only these contestants.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Contestant>,
    /// The number of runs of each case.
    #[arg(long)]
    rounds: Option<usize>,
    /// The measured seconds of each run.
    #[arg(long)]
    seconds: Option<u64>,
    /// The number of sagas under way, where they do not start at a pace.
    #[arg(long, default_value_t = 1_000)]
    under_way: usize,
    /// The entries among which the console's pages are read [default: 10 million].
    #[arg(long)]
    entries: Option<i64>,
    /// The directory for the results.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

impl Args {
    fn groups(&self) -> Vec<Group> {
        if self.all {
            Group::value_variants().to_vec()
        } else if self.groups.is_empty() {
            Group::DEFAULT.to_vec()
        } else {
            self.groups.clone()
        }
    }

    fn contestants(&self, group: Group) -> Vec<Contestant> {
        if self.only.is_empty() { group.contestants() } else { self.only.clone() }
    }

    fn effort(&self, group: Group) -> Effort {
        let (rounds, warm_up, window) = match () {
            () if self.quick => (1, 2, 3),
            () if group == Group::Packs || Group::DEFAULT.contains(&group) => (5, 3, 5),
            () => (2, 4, 7),
        };
        Effort {
            rounds: self.rounds.unwrap_or(rounds),
            warm_up: Duration::from_secs(warm_up),
            window: Duration::from_secs(self.seconds.unwrap_or(window)),
            under_way: self.under_way,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run_all(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all targets were reached.
async fn run_all(args: &Args) -> Result<bool> {
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let stage = Box::pin(BenchStage::set_up(&args.out)).await?;
    let reached = tokio::select! {
        reached = measure(args, &stage) => reached,
        () = stopped() => Err(anyhow::anyhow!("stopped")),
    };
    // Nothing is left running.
    stage.take_down().await?;
    reached
}

async fn stopped() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Returns whether all targets were reached.
async fn measure(args: &Args, stage: &BenchStage) -> Result<bool> {
    let groups = args.groups();
    let mut all_reached = true;
    let mut outcomes = Vec::new();
    let mut peaks: HashMap<Contestant, f64> = HashMap::new();
    for group in groups {
        let effort = args.effort(group);
        let before = usage::load()?;
        if group == Group::HalfPeak && peaks.is_empty() {
            // This group needs each contestant's peak, and measures it if it runs alone.
            let effort = Effort { rounds: 1, ..effort };
            let outcome = rows(args, stage, Group::Throughput, effort, &mut peaks).await?;
            drop(outcome);
        }
        let reached = match group {
            Group::Telemetry => Some(read_telemetry(args, stage, before).await?),
            Group::Gateway => Some(compare_proxies(args, stage, before).await?),
            _ => None,
        };
        if let Some(reached) = reached {
            all_reached &= reached;
            continue;
        }
        let rows = rows(args, stage, group, effort, &mut peaks).await?;
        let outcome = GroupOutcome::new(group, rows);
        writeln!(std::io::stdout(), "{outcome}").ok();
        all_reached &= outcome.verdicts.iter().all(|verdict| verdict.reached);
        outcomes.push(outcome);
        if group == Group::Console {
            all_reached &= watch(args, stage, before).await?;
        }
    }
    let all = args.out.join("figures.json");
    fs::write(&all, serde_json::to_vec_pretty(&outcomes)?)
        .with_context(|| format!("cannot write {}", all.display()))?;
    say(&format!("all figures: {}", all.display()));
    Ok(all_reached)
}

/// Runs the cases of a group in turn, several times.
async fn rows(
    args: &Args,
    stage: &BenchStage,
    group: Group,
    effort: Effort,
    peaks: &mut HashMap<Contestant, f64>,
) -> Result<Vec<CaseRow>> {
    let peak = |who| peaks.get(&who).copied();
    let cases = groups::cases(group, &args.contestants(group), effort, peak);
    let mut rows: Vec<CaseRow> = cases.iter().map(|case| CaseRow::new(&case.label)).collect();
    let (begun, all) = (Instant::now(), effort.rounds * cases.len());
    for round in 0..effort.rounds {
        for (at, case) in cases.iter().enumerate() {
            let figures = Box::pin(run::run(stage, &case.run)).await?;
            say(&format!(
                "{} {}/{all} {}: {:.0} sagas/s ({:.0} s)",
                group.name(),
                round * cases.len() + at + 1,
                case.label,
                figures.sagas,
                begun.elapsed().as_secs_f64(),
            ));
            rows[at].rounds.push(figures);
        }
    }
    if matches!(group, Group::Throughput | Group::Packs) {
        for (case, row) in cases.iter().zip(&mut rows) {
            peaks.insert(case.run.contestant, row.median(|figures| figures.sagas));
            let time = Duration::from_secs(2);
            row.statements = Some(Box::pin(statements(stage, &case.run, time)).await?);
        }
    }
    Ok(rows)
}

/// Returns whether all targets were reached.
async fn compare_proxies(args: &Args, stage: &BenchStage, before: f64) -> Result<bool> {
    let (rounds, seconds) = if args.quick { (1, 1) } else { (5, 4) };
    let turn = Duration::from_secs(args.seconds.unwrap_or(seconds));
    let rounds = args.rounds.unwrap_or(rounds);
    let compared = Box::pin(gateway::measure::measure(stage, rounds, turn, say)).await?;
    show(args, "gateway", before, &compared)?;
    Ok(compared.is_reached())
}

/// Returns whether all targets were reached.
async fn read_telemetry(args: &Args, stage: &BenchStage, before: f64) -> Result<bool> {
    let (rounds, backlog, seconds) = if args.quick { (1, 20_000, 2) } else { (5, 200_000, 20) };
    let extent = telemetry::TelemetryExtent {
        rounds: args.rounds.unwrap_or(rounds).max(1),
        backlog,
        rate: 5_000,
        seconds,
    };
    let read = Box::pin(telemetry::measure(stage, extent, say)).await?;
    show(args, "telemetry", before, &read)?;
    Ok(read.is_reached())
}

/// Returns whether all targets were reached.
async fn watch(args: &Args, stage: &BenchStage, before: f64) -> Result<bool> {
    let extent = match args.quick {
        true => {
            console::ConsoleExtent { entries: 100_000, times: 10, followed: 60_000, hung: 1_000 }
        }
        false => console::ConsoleExtent {
            entries: 10_000_000,
            times: 100,
            followed: 300_000,
            hung: 10_000,
        },
    };
    let entries = args.entries.unwrap_or(extent.entries);
    let extent = console::ConsoleExtent { entries, ..extent };
    let watched = Box::pin(console::measure(stage, extent, say)).await?;
    show(args, "console", before, &watched)?;
    Ok(watched.is_reached())
}

#[derive(Serialize)]
struct MeasuredFigures<'a, F> {
    #[serde(flatten)]
    figures: &'a F,
    /// The load average over a minute, before and after.
    load: (f64, f64),
}

/// Prints the figures, and writes them into a file.
fn show(
    args: &Args,
    name: &str,
    before: f64,
    figures: &(impl fmt::Display + Serialize),
) -> Result<()> {
    let after = usage::load()?;
    writeln!(
        std::io::stdout(),
        "{figures}  load of the machine: {before:.1} before, {after:.1} after\n"
    )
    .ok();
    let measured = MeasuredFigures { figures, load: (before, after) };
    let file = args.out.join(format!("{name}.json"));
    fs::write(&file, serde_json::to_vec_pretty(&measured)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

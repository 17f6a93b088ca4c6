//! Runs the contestants in turn, and reports their figures.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench::console::measure as console;
use bench::contestants::contestant::Contestant;
use bench::gateway::measure as gateway;
use bench::report::groups::{self, Effort, Group};
use bench::report::outcome::{FigureRow, GroupOutcome};
use bench::runs::figures::SAGAS;
use bench::runs::run;
use bench::runs::stage::BenchStage;
use bench::runs::statements::statements;
use bench::telemetry::measure as telemetry;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

/// The directory for the results.
const OUT: &str = "target/bench";

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
    fs::create_dir_all(OUT).with_context(|| format!("cannot create {OUT}"))?;
    let stage = Box::pin(BenchStage::set_up(Path::new(OUT))).await?;
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
    let mut outcomes = Vec::new();
    let mut peaks: HashMap<Contestant, f64> = HashMap::new();
    for group in args.groups() {
        let effort = Effort::of(group, args.quick);
        if group == Group::HalfPeak && peaks.is_empty() {
            // This group needs each contestant's peak, and measures it if it runs alone.
            rows(stage, Group::Throughput, Effort { rounds: 1, ..effort }, &mut peaks).await?;
        }
        let of_contestants = rows(stage, group, effort, &mut peaks).await?;
        let others = match group {
            Group::Telemetry => Box::pin(telemetry::measure(stage, args.quick, say)).await?,
            Group::Gateway => Box::pin(gateway::measure(stage, args.quick, say)).await?,
            Group::Console => Box::pin(console::measure(stage, args.quick, say)).await?,
            _ => Vec::new(),
        };
        for rows in [of_contestants, others].into_iter().filter(|rows| !rows.is_empty()) {
            let outcome = GroupOutcome::new(group, rows);
            writeln!(std::io::stdout(), "{outcome}").ok();
            outcomes.push(outcome);
        }
    }
    let file = Path::new(OUT).join("figures.json");
    fs::write(&file, serde_json::to_vec_pretty(&outcomes)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!("all figures: {}", file.display()));
    Ok(outcomes.iter().all(GroupOutcome::is_reached))
}

/// Runs the cases of a group in turn, several times.
async fn rows(
    stage: &BenchStage,
    group: Group,
    effort: Effort,
    peaks: &mut HashMap<Contestant, f64>,
) -> Result<Vec<FigureRow>> {
    let cases = groups::cases(group, effort, |who| peaks.get(&who).copied());
    let mut rows: Vec<FigureRow> = cases.iter().map(|case| FigureRow::new(&case.label)).collect();
    let (begun, all) = (Instant::now(), effort.rounds * cases.len());
    for round in 0..effort.rounds {
        for (at, case) in cases.iter().enumerate() {
            rows[at].add(&Box::pin(run::run(stage, &case.run)).await?);
            say(&format!(
                "{} {}/{all} {}: {:.0} sagas/s so far ({:.0} s)",
                group.name(),
                round * cases.len() + at + 1,
                case.label,
                rows[at].median(SAGAS),
                begun.elapsed().as_secs_f64(),
            ));
        }
    }
    if matches!(group, Group::Throughput | Group::Packs) {
        for (case, row) in cases.iter().zip(&mut rows) {
            peaks.insert(case.run.contestant, row.median(SAGAS));
            let time = Duration::from_secs(2);
            let counted = Box::pin(statements(stage, &case.run, time)).await?;
            row.add(&[("stmts", counted)]);
        }
    }
    Ok(rows)
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

//! The shop under faults: private servers, services that are killed, stopped and cut off while
//! orders of all kinds come in, and the question after each storm: is anything lost, doubled, or
//! otherwise than it has to be?

mod dice;
mod fault;
mod fleet;
mod kind;
mod load;
mod nodes;
mod oracle;
mod record;
mod report;
mod stage;
mod storm;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::stop::Stop;
use crate::ui;
use kind::Kind;
use report::Report;
use stage::Stage;

/// Nodes of a cluster: the fewest of which one may be away.
const CLUSTER: usize = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kinds of faults, separated by commas; by default all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    only: Vec<Kind>,
    /// The broker is a cluster of three nodes, and each of them may be killed, too.
    #[arg(long)]
    cluster: bool,
    /// The run ends after so many kills of services.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    kills: usize,
    /// The run ends after so many minutes, whatever the number of kills; rests count.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// What a run printed, to have the same choices again.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Orders a second.
    #[arg(long, default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// Processes of each service at the start.
    #[arg(long, default_value_t = 2, value_name = "N")]
    replicas: usize,
    /// Seconds from one rest to the next.
    #[arg(long, default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(5..))]
    storm: u64,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Keep all logs, also if everything held.
    #[arg(long)]
    keep: bool,
}

impl Args {
    fn kinds(&self) -> Vec<Kind> {
        if !self.only.is_empty() {
            return self.only.clone();
        }
        Kind::ALL.into_iter().filter(|kind| self.cluster || !kind.needs_cluster()).collect()
    }

    fn nodes(&self) -> usize {
        if self.cluster { CLUSTER } else { 1 }
    }

    fn limit(&self) -> Duration {
        let minutes = self.minutes.filter(|minutes| minutes.is_finite() && *minutes > 0.0);
        // Without kills nothing else would end it.
        let minutes = minutes.or_else(|| (!self.kinds().contains(&Kind::Kill)).then_some(3.0));
        Duration::try_from_secs_f64(minutes.unwrap_or(f64::from(u16::MAX)) * 60.0)
            .unwrap_or(Duration::MAX)
    }
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    if let Some(kind) = args.kinds().iter().find(|kind| kind.needs_cluster() && !args.cluster) {
        bail!("{} needs --cluster", kind.name());
    }
    let mut stop = Stop::listen()?;
    let seed = args.seed.unwrap_or_else(some_seed);
    ui::say(&format!("seed {seed}"));
    let stage = tokio::select! {
        stage = Box::pin(Stage::set(args.replicas, args.nodes())) => stage?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let logs = stage.logs().to_owned();
    let played = tokio::select! {
        played = Box::pin(storm::run(args, seed, &stage)) => Some(played),
        () = stop.asked() => None,
    };
    let held = matches!(&played, Some(Ok(Report { held: true, .. })));
    stage.tear_down(!held || args.keep).await?;
    let report = match played {
        Some(report) => report.with_context(|| format!("the logs are in {}", logs.display()))?,
        None => return Ok(ExitCode::from(130)),
    };
    if args.json {
        ui::print(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        report.show();
    }
    if !held || args.keep {
        ui::say(&format!("all logs are in {}", logs.display()));
    }
    if !held {
        ui::say(&format!("to have the same choices again: --seed {seed}"));
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Anything; what matters is that it is printed.
fn some_seed() -> u64 {
    u64::try_from(ballet::Clock::system().now().as_microsecond()).unwrap_or_default()
        % 1_000_000_000
}

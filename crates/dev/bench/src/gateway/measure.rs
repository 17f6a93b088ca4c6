//! Loads the proxies in short turns, so that other work slows all alike.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::Database;

use crate::gateway::load;
use crate::gateway::proxies::{Proxies, RunningProxy};
use crate::report::outcome::{FigureRow, quantile};
use crate::runs::figures::{P50, P99};
use crate::runs::stage::BenchStage;

const PEAK: &str = "peak/s";
const NO_NGINX: &str = "nginx is not on this machine, so its row and the ratios to it are left out: \
                        `apt-get install nginx-light` brings it";

/// Measures the proxies in several rounds. In each a proxy has a turn at its peak, and one at half of it. `say` gets
/// each task.
///
/// # Errors
///
/// If a proxy does not start, or answers wrongly.
pub async fn measure(
    stage: &BenchStage,
    is_quick: bool,
    say: impl Fn(&str),
) -> Result<Vec<FigureRow>> {
    let (rounds, seconds) = if is_quick { (1, 1) } else { (5, 4) };
    let database = Database::new(stage.servers.postgres(), "gateway").await?;
    let dir = stage.logs.join("gateway");
    let proxies = Proxies::start(&dir, &database).await?;
    if proxies.all.len() < 2 {
        say(NO_NGINX);
    }
    let measured = compare(&proxies.all, rounds, Duration::from_secs(seconds), say).await;
    proxies.stop().await;
    if measured.is_ok() {
        // The access log is large. The next run removes what stays.
        fs::remove_dir_all(&dir).ok();
    }
    measured
}

async fn compare(
    all: &[RunningProxy],
    rounds: usize,
    turn: Duration,
    say: impl Fn(&str),
) -> Result<Vec<FigureRow>> {
    let mut rows: Vec<FigureRow> = all.iter().map(|running| FigureRow::new(running.name)).collect();
    for round in 0..rounds {
        for at in turns(round, all.len()) {
            let running = &all[at];
            let (begun, spent) = (Instant::now(), running.process.processor()?);
            let peak = load::closed(&running.target, turn).await.context(running.name)?;
            let spent = running.process.processor()? - spent;
            // At the rate of the turn.
            let requests = peak * begun.elapsed().as_secs_f64();
            rows[at].add(&[(PEAK, peak), ("CPU us", spent * 1_000.0 / requests)]);
            say(&format!("gateway: {} {peak:.0} requests/s at its peak", running.name));
        }
    }
    for round in 0..rounds {
        for at in turns(round, all.len()) {
            let (RunningProxy { name, target, .. }, row) = (&all[at], &mut rows[at]);
            let half = row.median(PEAK) / 2.0;
            let took = load::open(target, half, turn).await.context(*name)?;
            let (p50, p99) = (quantile(&took, 0.5), quantile(&took, 0.99));
            row.add(&[(P50, p50), (P99, p99)]);
            say(&format!("gateway: {name} p50 {p50:.2} ms, p99 {p99:.2} ms at {half:.0}/s"));
        }
    }
    for (running, row) in all.iter().zip(&mut rows) {
        row.add(&[("MB", running.process.memory()?)]);
    }
    Ok(rows)
}

/// Over the rounds each proxy comes first once.
fn turns(round: usize, all: usize) -> impl Iterator<Item = usize> {
    (0..all).map(move |turn| (round + turn) % all)
}

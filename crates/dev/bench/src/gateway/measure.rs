//! Loads the proxies in short turns, so that other work slows all alike.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::Database;

use crate::gateway::figures::{ProxyComparison, ProxyFigures};
use crate::gateway::load;
use crate::gateway::proxies::{Proxies, RunningProxy};
use crate::report::outcome::quantile;
use crate::runs::stage::BenchStage;

/// Measures the proxies in this many rounds. In each a proxy has a turn of this length at its peak, and one at half of
/// it. `say` gets each task.
///
/// # Errors
///
/// If a proxy does not start, or answers wrongly.
pub async fn measure(
    stage: &BenchStage,
    rounds: usize,
    turn: Duration,
    say: impl Fn(&str),
) -> Result<ProxyComparison> {
    let database = Database::new(stage.servers.postgres(), "gateway").await?;
    let dir = stage.logs.join("gateway");
    let proxies = Proxies::start(&dir, &database).await?;
    let measured = compare(&proxies.all, rounds, turn, say).await;
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
) -> Result<ProxyComparison> {
    let mut rows: Vec<ProxyFigures> =
        all.iter().map(|running| ProxyFigures::new(running.proxy)).collect();
    for round in 0..rounds {
        for at in turns(round, all.len()) {
            let (running, row) = (&all[at], &mut rows[at]);
            let (begun, spent) = (Instant::now(), running.process.processor()?);
            let peak = load::closed(&running.target, turn).await;
            let peak = peak.with_context(|| running.proxy.name())?;
            let spent = running.process.processor()? - spent;
            // At the rate of the turn.
            let requests = peak * begun.elapsed().as_secs_f64();
            row.peaks.push(peak);
            row.processor.push(spent * 1_000.0 / requests);
            say(&format!("gateway: {} {peak:.0} requests/s at its peak", running.proxy.name()));
        }
    }
    for round in 0..rounds {
        for at in turns(round, all.len()) {
            let (running, row) = (&all[at], &mut rows[at]);
            let (name, rate) = (running.proxy.name(), row.half());
            let took = load::open(&running.target, rate, turn).await.with_context(|| name)?;
            let (p50, p99) = (quantile(&took, 0.5), quantile(&took, 0.99));
            row.own.p50.push(p50);
            row.own.p99.push(p99);
            say(&format!("gateway: {name} p50 {p50:.2} ms, p99 {p99:.2} ms at {rate:.0}/s"));
        }
    }
    for (running, row) in all.iter().zip(&mut rows) {
        row.memory = running.process.memory()?;
    }
    Ok(ProxyComparison { rows })
}

/// Over the rounds each proxy comes first once.
fn turns(round: usize, all: usize) -> impl Iterator<Item = usize> {
    (0..all).map(move |turn| (round + turn) % all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proxy_begins_a_round() {
        let order = |round| turns(round, 3).collect::<Vec<_>>();
        assert_eq!([order(0), order(1), order(2)], [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
        assert_eq!(order(3), order(0));
    }
}

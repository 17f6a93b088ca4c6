//! The cost of the tests in processor seconds, which mean more than the clock on a busy machine, and the share of the
//! machine that is idle meanwhile.

use std::cell::Cell;
use std::fs;

use ballet_stage::Servers;
use ballet_stage::usage::CpuSnapshot;

/// Measures the processor time of each program at its end: the system adds a child's time to its parent's once the
/// parent has waited for it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    seen: Cell<f64>,
}

impl Meter {
    /// The seconds of the children that have ended since the last call.
    pub(crate) fn since_the_last(&self) -> f64 {
        let all = ended();
        all - self.seen.replace(all)
    }
}

fn ended() -> f64 {
    let own = std::process::id().cast_signed();
    CpuSnapshot::take().map_or(0.0, |snapshot| snapshot.ended(own) / 1000.0)
}

/// The processor seconds of the broker and of Postgres, if we started them.
pub(crate) async fn of_servers(servers: &Servers) -> (f64, f64) {
    let (broker, postgres) = (servers.rabbitmq().pids().await, servers.postgres().pids().await);
    let seconds = |pids: &[i32]| {
        CpuSnapshot::take().map_or(0.0, |snapshot| snapshot.milliseconds(pids) / 1000.0)
    };
    (seconds(&broker), seconds(&postgres))
}

/// Measures the share of idle processor time, from `/proc/stat`.
#[derive(Debug, Default)]
pub(crate) struct IdleMeter {
    /// The ticks at the last call: idle ones, and all.
    seen: Option<(u64, u64)>,
}

impl IdleMeter {
    /// The share since the last call. 0 at the first call, and where `/proc/stat` is missing.
    pub(crate) fn since_the_last(&mut self) -> f64 {
        let now = fs::read_to_string("/proc/stat").ok().and_then(|text| ticks(&text));
        let before = std::mem::replace(&mut self.seen, now);
        now.zip(before).map_or(0.0, |((idle, all), (idle_before, all_before))| {
            share(idle.saturating_sub(idle_before), all.saturating_sub(all_before))
        })
    }
}

/// The idle and the total ticks, from the first line: user, nice, system, idle, then waits for disks and interrupts.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let numbers = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
    Some((*numbers.get(3)?, numbers.iter().sum()))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 ticks")]
fn share(idle: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { idle as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_was_idle() {
        let stat = "cpu  10 0 20 60 5 1 4 0 7 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(ticks(stat), Some((60, 100)));
        assert_eq!(ticks("nothing of the kind"), None);
        assert!((share(60, 100) - 0.6).abs() < 1e-9 && share(0, 0) < 1e-9);
        let mut idle = IdleMeter::default();
        assert!(idle.since_the_last() < 1e-9, "nothing is known before the first look");
        assert!((0.0..=1.0).contains(&idle.since_the_last()));
    }
}

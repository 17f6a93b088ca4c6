//! The processor time and memory of processes, from /proc.

use std::collections::HashMap;
use std::fs;

use crate::error::{Result, machine};

/// Clock ticks per second in Linux's processor times.
const TICKS: f64 = 100.0;

#[derive(Debug, Clone, Copy)]
struct ProcessTimes {
    parent: i32,
    ticks: u64,
    /// The ticks of children that have ended and were waited for.
    ended: u64,
}

/// The processor time of all processes at one moment.
#[derive(Debug)]
pub struct CpuSnapshot(HashMap<i32, ProcessTimes>);

impl CpuSnapshot {
    /// Reads the processor time of all processes now.
    ///
    /// # Errors
    ///
    /// If the machine has no `/proc`.
    pub fn take() -> Result<Self> {
        let mut processes = HashMap::new();
        for entry in fs::read_dir("/proc").map_err(machine("read /proc"))? {
            let name = entry.map_err(machine("read /proc"))?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // The process may have ended.
            if let Some(process) =
                fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| parse(&stat))
            {
                processes.insert(pid, process);
            }
        }
        Ok(Self(processes))
    }

    /// Returns the processor time of these processes and their descendants, in milliseconds.
    #[must_use]
    pub fn milliseconds(&self, roots: &[i32]) -> f64 {
        let ours = self.0.keys().filter(|pid| self.belongs(**pid, roots));
        milliseconds(ours.map(|pid| self.0[pid].ticks + self.0[pid].ended).sum())
    }

    /// Returns the descendants of a process.
    #[must_use]
    pub fn descendants(&self, root: i32) -> Vec<i32> {
        self.0.keys().copied().filter(|pid| *pid != root && self.belongs(*pid, &[root])).collect()
    }

    fn belongs(&self, mut pid: i32, roots: &[i32]) -> bool {
        loop {
            if roots.contains(&pid) {
                return true;
            }
            match self.0.get(&pid) {
                Some(process) => pid = process.parent,
                None => return false,
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 ticks")]
fn milliseconds(ticks: u64) -> f64 {
    ticks as f64 * 1000.0 / TICKS
}

/// The name, which may contain spaces, ends with the last `) `.
fn parse(stat: &str) -> Option<ProcessTimes> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(ProcessTimes {
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)?,
        ended: number(13)? + number(14)?,
    })
}

/// Reads the memory of a process and its peak, in megabytes.
#[must_use]
pub fn memory(pid: i32) -> Option<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    Some((field("VmRSS:")? / 1024.0, field("VmHWM:")? / 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_tree_of_processes() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 50 25 10 5 20 0 1 0 1 1 1";
        let process = parse(stat).expect("a line of /proc");
        assert_eq!((process.parent, process.ticks, process.ended), (1, 75, 15));
        let child = ProcessTimes { parent: 7, ticks: 10, ended: 0 };
        let stranger = ProcessTimes { parent: 1, ticks: 99, ended: 0 };
        let all = CpuSnapshot(HashMap::from([(7, process), (8, child), (9, stranger)]));
        assert!((all.milliseconds(&[7]) - 1000.0).abs() < 1e-6);
        assert_eq!(all.descendants(7), [8]);
    }

    #[test]
    fn sees_itself() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let (now, most) = memory(own).expect("our own memory");
        assert!(now > 0.0 && most >= now);
        assert!(CpuSnapshot::take().expect("/proc").0.contains_key(&own));
    }
}

//! A clock for a service's process, shifted by another process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::Clock;
use jiff::SignedDuration;

/// Names the file with the clock's error in seconds.
pub(crate) const FILE: &str = "TRIAL_CLOCK";
const EVERY: Duration = Duration::from_millis(100);

pub(crate) fn file(log: &Path) -> PathBuf {
    log.with_extension("clock")
}

/// Shifts the clock of the process with this log by some seconds.
pub(crate) fn shift(log: &Path, seconds: i64) -> Result<()> {
    let (path, new) = (file(log), log.with_extension("clock-new"));
    let written = fs::write(&new, seconds.to_string()).and_then(|()| fs::rename(&new, &path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Option<i64> {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok())
}

pub(crate) fn clock() -> Clock {
    let Ok(path) = std::env::var(FILE) else { return Clock::system() };
    let path = PathBuf::from(path);
    let wrong_by = Arc::new(AtomicI64::new(read(&path).unwrap_or(0)));
    let shared = Arc::clone(&wrong_by);
    std::thread::spawn(move || {
        loop {
            shared.store(read(&path).unwrap_or(0), Ordering::Relaxed);
            #[allow(clippy::disallowed_methods, reason = "the thread has no other work")]
            std::thread::sleep(EVERY);
        }
    });
    let system = Clock::system();
    // Half of a fresh id is random enough.
    let seed = system.new_id(system.now()).as_u128() & u128::from(u64::MAX);
    let by = move || SignedDuration::from_secs(wrong_by.load(Ordering::Relaxed));
    Clock::new(move || system.now() + by(), u64::try_from(seed).unwrap_or_default())
}

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
/// In this file a process confirms the error that it has read.
const KNOWN: &str = "clock-known";
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

/// The error that the process with this log has confirmed, in seconds.
pub(crate) fn known(log: &Path) -> Option<i64> {
    read(&file(log).with_extension(KNOWN))
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
        let mut known = None;
        loop {
            let new = read(&path).unwrap_or(0);
            shared.store(new, Ordering::Relaxed);
            if known.replace(new) != Some(new) {
                // Whoever waits for this gives up after a while.
                fs::write(path.with_extension(KNOWN), new.to_string()).ok();
            }
            #[allow(clippy::disallowed_methods, reason = "the thread has no other work")]
            std::thread::sleep(EVERY);
        }
    });
    ahead(move || SignedDuration::from_secs(wrong_by.load(Ordering::Relaxed)))
}

/// A clock ahead of this machine's.
pub(crate) fn ahead(by: impl Fn() -> SignedDuration + Send + Sync + 'static) -> Clock {
    let system = Clock::system();
    // Half of a fresh id is random enough.
    let seed = system.new_id(system.now()).as_u128() & u128::from(u64::MAX);
    Clock::new(move || system.now() + by(), u64::try_from(seed).unwrap_or_default())
}

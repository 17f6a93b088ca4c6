//! With the feature: the process records where it was, and dies where it is told to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault_point::FaultPoint;
use crate::names::{Acked, Names, WorksOn};

/// Time for what was handed to the client to leave the process, where that is the point.
const TO_LEAVE: Duration = Duration::from_millis(30);

static DIRECTORY: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("BALLET_FAULTS").map(PathBuf::from));
static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
/// The events of each batch: a mark knows only the batch's name.
static EMITTED: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);
/// The type of each delivery: an acknowledgement knows only its number.
static DELIVERED: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

fn lock<T>(of: &'static Mutex<T>) -> MutexGuard<'static, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The code is at a point, and works on something.
pub fn point<W: WorksOn + ?Sized>(point: FaultPoint, what: &W) {
    let Some(directory) = DIRECTORY.as_deref() else { return };
    for name in what.names() {
        let line = format!("{}@{name}", point.name());
        // Held while dying, so that a line is either whole or not there.
        let mut seen = lock(&SEEN);
        if seen.get_or_insert_default().insert(line.clone()) {
            let file = OpenOptions::new().create(true).append(true).open(directory.join("seen"));
            let recorded = file.and_then(|mut file| writeln!(file, "{line}"));
            if let Err(error) = recorded {
                tracing::error!("a fault point could not be recorded: {error}");
            }
        }
        let aim = directory.join("aim");
        if fs::read_to_string(&aim).is_ok_and(|aim| aim.trim() == line)
            && fs::remove_file(&aim).is_ok()
        {
            die(point, &line);
        }
    }
}

fn die(point: FaultPoint, line: &str) -> ! {
    tracing::warn!("dying as told, {line}");
    use FaultPoint::{AfterAck, AfterLetter, AfterPublish, AfterRemoval};
    if matches!(point, AfterPublish | AfterAck | AfterLetter | AfterRemoval) {
        std::thread::sleep(TO_LEAVE);
    }
    let killed =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    tracing::error!("this process cannot kill itself: {killed:?}");
    std::process::abort()
}

/// Collects the names of what a transaction works on, for several points.
pub fn works_on(names: impl FnOnce() -> Vec<String>) -> Names {
    Names(if DIRECTORY.is_some() { names() } else { Vec::new() })
}

/// Remembers the events of a batch.
pub fn remember<W: WorksOn + ?Sized>(batch: &impl Display, events: &W) {
    if DIRECTORY.is_some() {
        lock(&EMITTED).get_or_insert_default().insert(batch.to_string(), events.names());
    }
}

/// The events of a batch that was [remembered](remember).
pub fn events_of(batch: &impl Display) -> Vec<String> {
    lock(&EMITTED).get_or_insert_default().get(&batch.to_string()).cloned().unwrap_or_default()
}

/// Remembers the type of the delivery with this tag.
pub fn delivered(tag: u64, event_type: impl FnOnce() -> String) {
    if DIRECTORY.is_some() {
        lock(&DELIVERED).insert(tag, event_type());
    }
}

impl WorksOn for Acked {
    fn names(&self) -> Vec<String> {
        let tags = self.to.saturating_sub(self.count) + 1..=self.to;
        lock(&DELIVERED).range(tags).map(|(_, name)| name.clone()).collect()
    }
}

//! Fault points with the feature `faults`: the process dies or freezes at the one that a test names.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::fault_point::FaultPoint;
use crate::fault::names::{AckedDeliveries, WorkNames, WorksOn};

/// The time in which bytes that the client has taken leave the process, at points that follow a send.
const TO_LEAVE: Duration = Duration::from_millis(30);

static DIRECTORY: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("BALLET_FAULTS").map(PathBuf::from));
/// The events of each batch, since a mark knows only the batch's name.
static EMITTED: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);
/// The type of each delivery, since an acknowledgement knows only its number.
static DELIVERED: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

fn lock<T>(of: &'static Mutex<T>) -> MutexGuard<'static, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reports that the code has reached `point` and works on `what`.
pub fn point<W: WorksOn + ?Sized>(point: FaultPoint, what: &W) {
    let Some(directory) = DIRECTORY.as_deref() else { return };
    for name in what.names() {
        let line = format!("{}@{name}", point.name());
        if is_named(directory, "aim", &line) {
            die(point, &line);
        }
        if is_named(directory, "freeze", &line) {
            freeze(&line);
        }
    }
}

/// Returns true if the file holds the line, and removes it.
fn is_named(directory: &Path, file: &str, line: &str) -> bool {
    let file = directory.join(file);
    fs::read_to_string(&file).is_ok_and(|named| named.trim() == line)
        && fs::remove_file(&file).is_ok()
}

/// Stops all threads. They go on here when the test sends SIGCONT.
fn freeze(line: &str) {
    tracing::warn!("freezing this process at fault point {line}");
    let frozen =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    tracing::warn!("this process goes on: {frozen:?}");
}

fn die(point: FaultPoint, line: &str) -> ! {
    tracing::warn!("killing this process at fault point {line}");
    use FaultPoint::{AfterAck, AfterLetter, AfterPublish, AfterRemoval};
    if matches!(point, AfterPublish | AfterAck | AfterLetter | AfterRemoval) {
        #[allow(clippy::disallowed_methods, reason = "the process ends here")]
        std::thread::sleep(TO_LEAVE);
    }
    let killed =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    tracing::error!("this process cannot kill itself: {killed:?}");
    std::process::abort()
}

/// Collects the names of the things that a transaction works on, for several points.
pub fn works_on(names: impl FnOnce() -> Vec<String>) -> WorkNames {
    WorkNames(if DIRECTORY.is_some() { names() } else { Vec::new() })
}

/// Remembers the events of `batch`.
pub fn remember<W: WorksOn + ?Sized>(batch: &impl Display, events: &W) {
    if DIRECTORY.is_some() {
        lock(&EMITTED).get_or_insert_default().insert(batch.to_string(), events.names());
    }
}

/// Returns the events of a [remembered](remember) batch.
pub fn events_of(batch: &impl Display) -> Vec<String> {
    lock(&EMITTED).get_or_insert_default().get(&batch.to_string()).cloned().unwrap_or_default()
}

/// Remembers the event type of the delivery with this tag.
pub fn delivered(tag: u64, event_type: impl FnOnce() -> String) {
    if DIRECTORY.is_some() {
        lock(&DELIVERED).insert(tag, event_type());
    }
}

impl WorksOn for AckedDeliveries {
    fn names(&self) -> Vec<String> {
        let tags = self.to.saturating_sub(self.count) + 1..=self.to;
        lock(&DELIVERED).range(tags).map(|(_, name)| name.clone()).collect()
    }
}

//! With the feature: the process notes down where it was, and dies where it is told to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_core::topology::EVENTS;

use super::FaultPoint;
use crate::batch_id::BatchId;
use crate::broker::{Delivery, Publish};
use crate::calls::NewCall;
use crate::ledger::Ledger;
use crate::message::Work;
use crate::outbox::{Mark, StoredEvent};
use crate::tx::Emitted;

/// For what was handed to the client to leave the process, where that is the point.
const TO_LEAVE: Duration = Duration::from_millis(30);

static PLACE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("BALLET_FAULTS").map(PathBuf::from));
static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
/// The events of the batches of which the marks know only the names.
static EMITTED: Mutex<Option<HashMap<BatchId, Vec<String>>>> = Mutex::new(None);
/// The types of the messages of which the acks know only the numbers.
static DELIVERED: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

fn lock<T>(of: &'static Mutex<T>) -> MutexGuard<'static, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The code is at a point, and works on something.
pub(crate) fn point<W: WorksOn + ?Sized>(point: FaultPoint, what: &W) {
    let Some(place) = PLACE.as_deref() else { return };
    for what in what.aims() {
        let line = format!("{}@{what}", point.name());
        // Held while dying, so that a line is either whole or not there.
        let mut seen = lock(&SEEN);
        if seen.get_or_insert_default().insert(line.clone()) {
            let file = OpenOptions::new().create(true).append(true).open(place.join("seen"));
            let noted = file.and_then(|mut file| writeln!(file, "{line}"));
            if let Err(error) = noted {
                tracing::error!("a fault point could not be noted down: {error}");
            }
        }
        let aim = place.join("aim");
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

/// What the code is working on.
#[derive(Debug)]
pub(crate) struct Aims(Vec<String>);

/// What a transaction works on: the rows that it adds to the ledger, or else what it emits.
pub(crate) fn aims(ledger: &Ledger, emitted: &[Emitted]) -> Aims {
    let rows: Vec<String> =
        ledger.added().map(|row| format!("{}:{}", row.entry.as_str(), row.step)).collect();
    Aims(if rows.is_empty() { emitted.aims() } else { rows })
}

/// A batch has these events.
pub(crate) fn emitted<W: WorksOn + ?Sized>(batch: Option<BatchId>, events: &W) {
    if let Some(batch) = batch
        && PLACE.is_some()
    {
        lock(&EMITTED).get_or_insert_default().insert(batch, events.aims());
    }
}

/// A delivery is handed on.
pub(crate) fn delivered(delivery: &Delivery) {
    if PLACE.is_some() {
        let kind = delivery.properties.kind().as_ref().map(|kind| kind.as_str().to_owned());
        let what = kind.unwrap_or_else(|| delivery.routing_key.clone());
        lock(&DELIVERED).insert(delivery.tag, what);
    }
}

/// Something with names to aim at.
pub(crate) trait WorksOn {
    fn aims(&self) -> Vec<String>;
}

impl WorksOn for Aims {
    fn aims(&self) -> Vec<String> {
        self.0.clone()
    }
}

impl WorksOn for str {
    fn aims(&self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl WorksOn for NewCall {
    fn aims(&self) -> Vec<String> {
        vec![format!("{}{}", if self.undo { "undo:" } else { "" }, self.step)]
    }
}

impl WorksOn for [Work] {
    fn aims(&self) -> Vec<String> {
        let aims = self.iter().flat_map(|work| match work {
            Work::Message(message) => vec![message.envelope.event_type.name().to_owned()],
            Work::Answer(answer) => answer.call.aims(),
        });
        aims.collect()
    }
}

impl WorksOn for [Emitted] {
    fn aims(&self) -> Vec<String> {
        self.iter().map(|emitted| emitted.event.event_type.name().to_owned()).collect()
    }
}

impl WorksOn for [StoredEvent] {
    fn aims(&self) -> Vec<String> {
        self.iter().map(|event| event.event_type.clone()).collect()
    }
}

impl WorksOn for [Mark] {
    fn aims(&self) -> Vec<String> {
        let mut emitted = lock(&EMITTED);
        let emitted = emitted.get_or_insert_default();
        self.iter().filter_map(|mark| emitted.get(&mark.batch)).flatten().cloned().collect()
    }
}

impl WorksOn for Publish {
    fn aims(&self) -> Vec<String> {
        let name = if self.exchange == EVENTS { &self.routing_key } else { &self.exchange };
        vec![name.clone()]
    }
}

/// What is acknowledged: up to a number, so many.
impl WorksOn for (u64, u64) {
    fn aims(&self) -> Vec<String> {
        let (to, count) = *self;
        let delivered = lock(&DELIVERED);
        delivered.range(to.saturating_sub(count) + 1..=to).map(|(_, what)| what.clone()).collect()
    }
}

//! Compares two recordings of any length: their sagas are spread over files, of which each processor compares one at a
//! time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::num::NonZero;
use std::os::unix::fs::DirBuilderExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use uuid::Uuid;

use crate::stream::compare::difference::Difference;
use crate::stream::compare::joins::Joins;
use crate::stream::compare::saga::{self, ComparisonRules};
use crate::stream::record::Record;
use crate::stream::recording::error::RecordingError;
use crate::stream::recording::line::{read_line, write_line};
use crate::stream::replay::made_keys::MadeKeys;
use crate::stream::replay::repeatable::SagaScope;

/// The number of files for each side, 8 MB each for a million events of a kilobyte.
const PARTS: u64 = 128;

/// The sagas to compare, by their ids in the stream, with their ids in the recording.
pub type ComparedSagas = HashMap<Uuid, Uuid>;

/// Compares expected with actual events.
#[derive(Debug)]
pub struct Comparison {
    folder: PathBuf,
    expected: PartitionSide,
    actual: PartitionSide,
    ignored: HashSet<String>,
    joins: Joins,
    made: MadeKeys,
    scopes: HashMap<Uuid, SagaScope>,
}

/// The number of compared sagas, and of those that differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ComparisonCounts {
    /// The number of sagas.
    pub sagas: u64,
    /// The number of sagas with a difference.
    pub different: u64,
}

#[derive(Debug, Default)]
struct PartitionSide {
    /// The number of each saga, by its id in the stream. A number takes less memory per message than an id.
    sagas: HashMap<Uuid, u32>,
    recorded: Vec<Uuid>,
    parts: HashMap<u64, (PathBuf, BufWriter<File>)>,
    begin: PathBuf,
    /// The sagas of messages, for events that have a cause but no saga.
    of_message: HashMap<Uuid, u32>,
    line: Vec<u8>,
}

impl Comparison {
    /// Creates a comparison in its own folder, which is removed at the end. Only its owner can read it, because bodies
    /// may be confidential. `expected` are the recording's sagas, `actual` those sent. Fields with `ignored` names are
    /// left out.
    ///
    /// # Errors
    ///
    /// If the folder exists, or cannot be written.
    pub fn new(
        folder: &Path,
        expected: ComparedSagas,
        actual: ComparedSagas,
        ignored: HashSet<String>,
    ) -> Result<Self, RecordingError> {
        DirBuilder::new().mode(0o700).create(folder).map_err(|error| file_error(folder, error))?;
        let side = |name: &str, all: ComparedSagas| {
            let (ids, recorded): (Vec<_>, _) = all.into_iter().unzip();
            let sagas = ids.into_iter().zip(0..).collect();
            PartitionSide { sagas, recorded, begin: folder.join(name), ..PartitionSide::default() }
        };
        let (expected, actual) = (side("expected", expected), side("actual", actual));
        let folder = folder.to_owned();
        let (joins, made, scopes) = (Joins::default(), MadeKeys::default(), HashMap::new());
        Ok(Self { folder, expected, actual, ignored, joins, made, scopes })
    }

    /// Sets the joins, so that the order of a join's triggers does not matter.
    #[must_use]
    pub fn with_joins(mut self, joins: Joins) -> Self {
        self.joins = joins;
        self
    }

    /// Sets the made keys, whose values are new in every run even from outside.
    #[must_use]
    pub fn with_keys(mut self, made: MadeKeys) -> Self {
        self.made = made;
        self
    }

    /// Limits the comparison of a saga, by its id in the recording.
    pub fn limit(&mut self, saga: Uuid, scope: SagaScope) {
        self.scopes.insert(saga, scope);
    }

    /// Adds an expected record. Returns whether it belongs to a compared saga.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn expect(&mut self, record: &Record) -> Result<bool, RecordingError> {
        self.expected.add(record).map_err(|error| file_error(&self.folder, error))
    }

    /// Adds an actual record. Returns whether it belongs to a compared saga.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn came(&mut self, record: &Record) -> Result<bool, RecordingError> {
        self.actual.add(record).map_err(|error| file_error(&self.folder, error))
    }

    /// Compares all sagas, and passes each difference to `tell`.
    ///
    /// # Errors
    ///
    /// If the files cannot be read.
    pub fn finish(
        &mut self,
        mut tell: impl FnMut(Difference),
    ) -> Result<ComparisonCounts, RecordingError> {
        let mut parts = Vec::new();
        for part in 0..PARTS {
            let close = |side: &mut PartitionSide| {
                side.close(part).map_err(|error| file_error(&self.folder, error))
            };
            parts.push((close(&mut self.expected)?, close(&mut self.actual)?));
        }
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let (this, mut compared) = (&*self, ComparisonCounts::default());
        for parts in parts.chunks(workers) {
            let done = thread::scope(|scope| {
                let run = |part| scope.spawn(move || this.compare(part));
                let running: Vec<_> = parts.iter().map(run).collect();
                let ended = running.into_iter().map(ScopedJoinHandle::join);
                ended
                    .map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
                    .collect::<Vec<_>>()
            });
            for part in done {
                let (of_part, differences) =
                    part.map_err(|error| file_error(&self.folder, error))?;
                compared.sagas += of_part.sagas;
                compared.different += of_part.different;
                differences.into_iter().for_each(&mut tell);
            }
        }
        Ok(compared)
    }

    fn compare(
        &self,
        (expected, actual): &(Option<PathBuf>, Option<PathBuf>),
    ) -> io::Result<(ComparisonCounts, Vec<Difference>)> {
        let (mut compared, mut differences) = (ComparisonCounts::default(), Vec::new());
        let rules =
            ComparisonRules { ignored: &self.ignored, joins: &self.joins, made: &self.made };
        let (mut expected, mut actual) = (read(expected.as_deref())?, read(actual.as_deref())?);
        let sagas: BTreeSet<Uuid> = expected.keys().chain(actual.keys()).copied().collect();
        for id in sagas {
            let expected = expected.remove(&id).unwrap_or_default();
            let actual = actual.remove(&id).unwrap_or_default();
            let name = id.to_string();
            let scope = self.scopes.get(&id).copied().unwrap_or_default();
            let of_saga = saga::compare(&name, &expected, &actual, &rules, scope);
            compared.sagas += 1;
            compared.different += u64::from(!of_saga.is_empty());
            differences.extend(of_saga);
        }
        Ok((compared, differences))
    }
}

impl Drop for Comparison {
    fn drop(&mut self) {
        // After a failure the rest stays in the folder for temporary files.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl PartitionSide {
    fn add(&mut self, record: &Record) -> io::Result<bool> {
        let Some(saga) = self.saga(record) else { return Ok(false) };
        self.of_message.insert(record.known_as(), saga);
        let recorded = usize::try_from(saga).ok().and_then(|saga| self.recorded.get(saga));
        let recorded = recorded.copied().unwrap_or_default();
        self.line.clear();
        self.line.extend_from_slice(recorded.to_string().as_bytes());
        write_line(&record.with_known_id(), &mut self.line);
        let part = part_of(recorded);
        if !self.parts.contains_key(&part) {
            let mut path = self.begin.clone().into_os_string();
            path.push(format!("-{part}"));
            let path = PathBuf::from(path);
            let file = BufWriter::new(File::create_new(&path)?);
            self.parts.insert(part, (path, file));
        }
        if let Some((_, file)) = self.parts.get_mut(&part) {
            file.write_all(&self.line)?;
        }
        Ok(true)
    }

    /// A record without a saga belongs to that of its cause.
    fn saga(&self, record: &Record) -> Option<u32> {
        if let Some(number) = record.saga_id().and_then(|saga| self.sagas.get(&saga)) {
            return Some(*number);
        }
        let cause = record.cause().and_then(|cause| Uuid::try_parse(cause).ok())?;
        self.of_message.get(&cause).copied()
    }

    fn close(&mut self, part: u64) -> io::Result<Option<PathBuf>> {
        self.of_message = HashMap::new();
        let Some((path, mut file)) = self.parts.remove(&part) else { return Ok(None) };
        file.flush()?;
        Ok(Some(path))
    }
}

fn read(path: Option<&Path>) -> io::Result<BTreeMap<Uuid, Vec<Record>>> {
    let mut sagas: BTreeMap<Uuid, Vec<Record>> = BTreeMap::new();
    let Some(path) = path else { return Ok(sagas) };
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let (id, line) = line.split_at_checked(36).unwrap_or_default();
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let id = Uuid::try_parse(id).map_err(|error| wrong(error.to_string()))?;
        sagas.entry(id).or_default().push(read_line(line).map_err(wrong)?);
    }
    Ok(sagas)
}

fn file_error(folder: &Path, error: io::Error) -> RecordingError {
    RecordingError::File { path: folder.to_owned(), error }
}

/// Which digits of an id are random depends on its maker, so all count.
fn part_of(saga: Uuid) -> u64 {
    let mut hasher = DefaultHasher::new();
    saga.hash(&mut hasher);
    hasher.finish() % PARTS
}

//! Writes batches: the reader's rows and its place commit together, or not at all.

use std::ops::Range;
use std::sync::Arc;

use ballet_amqp::Backoff;
use ballet_store::telemetry::leftovers;
use ballet_store::telemetry::leftovers::AsideMessage;
use ballet_store::telemetry::places;
use ballet_store::telemetry::places::Advance;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::telemetry::AnyReader;
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::transaction::Transaction;
use crate::telemetry::reading::batch::{ReadingBatch, SeenMessage, aside};
use crate::telemetry::reading::state::{ReaderStates, name_of};
use crate::telemetry::series;
use crate::telemetry::series::READER_FAILED;

/// How often a single reading is tried before it is set aside.
const TRIES: u32 = 5;
/// How often a batch that is in conflict with another transaction is tried as a whole.
const CONFLICTS: u32 = 3;

#[derive(Debug)]
pub(super) enum LeaseEnd {
    /// Another process has the lease.
    Fenced,
    /// The database was lost, and only its rows can tell whether a commit took effect.
    DatabaseLost(Failure),
}

pub(super) struct Writer {
    pub(super) engine: Arc<Engine>,
    pub(super) reader: Arc<dyn AnyReader>,
    pub(super) states: Arc<ReaderStates>,
    pub(super) stream: String,
    pub(super) epoch: i64,
}

struct Piece {
    messages: Range<usize>,
    /// The reading of the single message is not given to the reader, but set aside.
    without: Option<AsideMessage>,
}

impl Writer {
    pub(super) async fn write_all(&self, mut received: mpsc::Receiver<ReadingBatch>) -> LeaseEnd {
        while let Some(batch) = received.recv().await {
            if let Err(ended) = self.write(&batch).await {
                return ended;
            }
        }
        // The receiver says why.
        std::future::pending().await
    }

    /// Writes a batch, in pieces if it fails as a whole.
    async fn write(&self, batch: &ReadingBatch) -> Result<(), LeaseEnd> {
        let mut left = vec![Piece { messages: 0..batch.seen.len(), without: None }];
        let mut backoff = Backoff::WORK;
        let mut tries = 0;
        while let Some(piece) = left.pop() {
            let failure = match self.piece(batch, &piece).await {
                Ok(()) => {
                    tries = 0;
                    backoff.reset();
                    continue;
                }
                Err(PieceFailure::Fenced) => return Err(LeaseEnd::Fenced),
                Err(PieceFailure::NotBegun(failure)) => {
                    self.states.fails_to_write(&self.name(), &failure.to_string());
                    return Err(LeaseEnd::DatabaseLost(failure));
                }
                Err(PieceFailure::Failed(failure)) => failure,
            };
            tries += 1;
            let why = failure.to_string();
            self.states.fails_to_write(&self.name(), &why);
            if failure.is_stale_statement() {
                self.engine.database.renewal.renew();
            }
            if failure.kind() == FailureKind::ConnectionLost
                && (failure.is_in_doubt() || !self.engine.database.probe.works().await)
            {
                return Err(LeaseEnd::DatabaseLost(failure));
            }
            let many = piece.messages.len() > 1;
            let is_conflict = failure.kind() == FailureKind::Conflict;
            if many && !(is_conflict && tries < CONFLICTS) {
                tracing::debug!("a batch of {} failed; in halves: {why}", self.name());
                let Range { start, end } = piece.messages;
                let middle = start + (end - start) / 2;
                left.push(Piece { messages: middle..end, without: None });
                left.push(Piece { messages: start..middle, without: None });
                tries = 0;
                continue;
            }
            // A lock that is not free says nothing about the reading.
            let is_hopeless =
                failure.kind() == FailureKind::Permanent || tries >= TRIES && !is_conflict;
            if !many && is_hopeless && piece.without.is_none() {
                left.push(without_reading(batch, piece.messages, &why));
                tries = 0;
                continue;
            }
            tracing::warn!("{} cannot go on; trying again: {why}", self.name());
            note(&self.engine, self.reader.name(), &self.stream, self.epoch, &why).await;
            sleep(backoff.wait()).await;
            left.push(piece);
        }
        Ok(())
    }

    pub(super) fn name(&self) -> String {
        name_of(self.reader.name(), &self.stream)
    }

    async fn piece(&self, batch: &ReadingBatch, piece: &Piece) -> Result<(), PieceFailure> {
        let Some(part) = PieceContent::of(batch, piece) else { return Ok(()) };
        let (engine, reader) = (&self.engine, &self.reader);
        let name = reader.name();
        let begun = Transaction::begin(Arc::clone(engine)).await;
        let mut transaction = begun.map_err(PieceFailure::NotBegun)?;
        transaction.enter(None, None, None);
        if !part.readings.is_empty() {
            let read = reader.read(transaction.tx(), &batch.readings, part.readings.clone());
            engine.handlers.run(name, read).await?;
            transaction.check_open()?;
        }
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let missed = part.missed.iter().map(count_of).sum();
        let db = transaction.db();
        for (from, to) in &part.missed {
            let why = if to.is_some() { "retention" } else { "made_anew" };
            let noted = leftovers::missed(db, name, &self.stream, *from, *to, why);
            answered(noted).await?;
        }
        if !part.aside.is_empty() {
            answered(leftovers::set_aside(db, name, &self.stream, &part.aside)).await?;
        }
        // Last, because it locks the row that another process needs to take over.
        let to = Advance {
            reader: name,
            stream: &self.stream,
            epoch: self.epoch,
            next: part.last.offset + 1,
            last_seen: part.last.fingerprint,
            published_at: part.published_at,
            read: count(part.readings.len()),
            aside: count(part.aside.len()),
            missed,
        };
        if !answered(places::advance(db, &to)).await? {
            return Err(PieceFailure::Fenced);
        }
        commit(transaction, &[]).await?;
        self.report(&part);
        Ok(())
    }

    fn report(&self, part: &PieceContent) {
        let name = self.reader.name();
        self.states.works(&self.name());
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        series::read(name).increment(number(part.readings.len()));
        for aside in &part.aside {
            let AsideMessage { offset, reason, detail, .. } = aside;
            series::aside(name, reason).increment(1);
            tracing::warn!(
                offset,
                reason,
                "{} set a message aside and went on: {detail}",
                self.name()
            );
        }
        for offsets in &part.missed {
            let (missed, (from, to)) = (count_of(offsets), offsets);
            series::missed(name).increment(u64::try_from(missed).unwrap_or_default());
            let what = match to {
                Some(_) => format!("at most {missed} messages: the stream no longer keeps them"),
                None => "what it had not read: the stream was made anew, or lost its newest messages; it reads on with \
                         what was published since"
                    .to_owned(),
            };
            tracing::error!(from, to, "{} has missed {what}", self.name());
        }
    }
}

pub(super) async fn note(engine: &Engine, reader: &str, stream: &str, epoch: i64, why: &str) {
    let noted =
        engine.database.ask(async |db| places::failed(db, reader, stream, epoch, why).await);
    if let Err(failure) = noted.await {
        tracing::debug!("why a reader fails cannot be noted: {failure}");
    }
}

enum PieceFailure {
    Fenced,
    /// There was no connection, so the messages are not to blame.
    NotBegun(Failure),
    Failed(Failure),
}

impl From<Failure> for PieceFailure {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct PieceContent {
    readings: Range<usize>,
    last: SeenMessage,
    published_at: Option<Timestamp>,
    aside: Vec<AsideMessage>,
    missed: Vec<(i64, Option<i64>)>,
}

impl PieceContent {
    fn of(batch: &ReadingBatch, piece: &Piece) -> Option<Self> {
        let Range { start, end } = piece.messages;
        let last = *batch.seen.get(end.checked_sub(1)?)?;
        let first = batch.seen.get(start)?.offset;
        let before = |at: usize| at.checked_sub(1).and_then(|at| batch.seen.get(at));
        let from = before(start).map_or(0, |seen| seen.readings);
        let to = if piece.without.is_some() { from } else { last.readings };
        let in_piece = |aside: &&AsideMessage| (first..=last.offset).contains(&aside.offset);
        let mut aside: Vec<AsideMessage> = batch.aside.iter().filter(in_piece).cloned().collect();
        aside.extend(piece.without.clone());
        let missed = if start == 0 { batch.missed.clone() } else { Vec::new() };
        let times = batch.seen.get(start..end)?.iter().filter_map(|seen| seen.published_at);
        let published_at = times.max();
        Some(Self { readings: from..to, last, published_at, aside, missed })
    }
}

/// How many messages were missed at most, as far as that is known.
fn count_of((from, to): &(i64, Option<i64>)) -> i64 {
    to.map_or(1, |to| to - from)
}

fn without_reading(batch: &ReadingBatch, messages: Range<usize>, why: &str) -> Piece {
    let seen = batch.seen.get(messages.start);
    let body = seen.and_then(|seen| batch.bodies.get(seen.readings.checked_sub(1)?));
    let offset = seen.map_or(0, |seen| seen.offset);
    let without = aside(offset, READER_FAILED, why, body.cloned().unwrap_or_default());
    Piece { messages, without: Some(without) }
}

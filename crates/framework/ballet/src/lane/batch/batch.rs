//! A batch: what a lane does in one transaction.
//!
//! Lock the sagas, insert into the inbox with de-duplication, read the ledger; run the handlers in
//! the order of delivery; write ledger, calls and outbox; commit. Only then is anything published
//! or acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_amqp::BatchId;
use ballet_core::SagaId;
use ballet_core::fault::{self, FaultPoint};
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored as calls;
use ballet_store::database::renewal::ReplacementFlag;
use ballet_store::inbox::messages as inbox;
use ballet_store::inbox::messages::NewMessage;
use ballet_store::outbox::batches::Mark;
use ballet_store::partitions;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tracing::Instrument;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::commit::{CommitResult, commit};
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::rollback::{BatchFailure, NotCommitted};
use crate::engine::transaction::Transaction;
use crate::lane::batch::bulk_runs;
use crate::lane::batch::named_rows::lock_named;
use crate::lane::batch::old_messages::{self, forget_failures, new_message, new_messages};
use crate::lane::batch::outcome_counts::OutcomeCounts;
use crate::lane::batch::pace::{Pace, TURN};
use crate::lane::batch::plan::{BatchSlot, plan};
use crate::lane::message::message::LaneWork;
use crate::lane::message::reused_ids::is_reused;

/// How long a lane hurries after a lock was not free in time.
const HURRY: Duration = Duration::from_secs(60);
/// How long a lane takes care after a step refused that may have written.
const CARE: Duration = Duration::from_secs(5);
/// The wait for a lock in the handlers of a lane that hurries. The locks of sagas and of named rows
/// are waited for longer: only batches hold them.
const A_MOMENT: &str = "set local lock_timeout = '100ms'";
const AS_USUAL: &str = "set local lock_timeout to default";

pub(crate) struct LaneConnection {
    db: PoolConnection<Postgres>,
    /// Whether its server was replaced since.
    replaced: ReplacementFlag,
}

/// The state that a lane keeps from one batch to the next.
pub(crate) struct LaneState {
    /// The maximum number of messages in one transaction.
    most: usize,
    /// Its connection. Whenever one comes back, the pool asks whether it still works, which costs
    /// as much as a small batch's own statements. One on which a batch failed does go back, or is
    /// closed if the failure may be that of the connection.
    pub(crate) connection: Option<LaneConnection>,
    /// The events of the last batch, if it had any.
    pub(crate) emitted: Option<BatchId>,
    /// Until when handlers wait only a moment for a lock, because somebody holds one for long.
    hurried: Option<Instant>,
    /// Until when each step that may refuse has a savepoint.
    careful: Option<Instant>,
    pace: Pace,
}

impl LaneState {
    pub(crate) fn new(most: usize) -> Self {
        let (connection, emitted, hurried, careful) = (None, None, None, None);
        Self { most, connection, emitted, hurried, careful, pace: Pace::default() }
    }

    /// The most messages of the next transaction.
    pub(crate) fn limit(&self) -> usize {
        self.pace.limit(self.most)
    }

    /// A lock was not free in time. For a while, handlers wait only a moment for one. A lock that is
    /// not free within that moment does not prolong it: it may be held for a moment only, too.
    pub(crate) fn hurry(&mut self) {
        if !self.is_hurried() {
            self.hurried = Some(Instant::now() + HURRY);
        }
    }

    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried.is_some_and(|until| Instant::now() < until)
    }

    fn is_careful(&self) -> bool {
        self.careful.is_some_and(|until| Instant::now() < until)
    }
}

/// Runs a batch, with the marks of the outbox table that it writes to, for about one turn. Returns
/// what has not run yet; what has run stays in `works`. On an error nothing of it has happened, unless
/// the connection was lost during the commit: then the inbox knows.
pub(crate) async fn run(
    engine: &Arc<Engine>,
    works: &mut Vec<LaneWork>,
    kept: &mut LaneState,
) -> Result<Vec<LaneWork>, NotCommitted> {
    let mut connection = connection(engine, kept).await.map_err(NotCommitted::NotBegun)?;
    let marks = engine.relay.take_marks(engine.relay.turns.current());
    let span = tracing::info_span!("batch", service = engine.registry.service, size = works.len());
    let LaneConnection { db, replaced } = &mut connection;
    let ran = guarded(in_one_transaction(engine, works, &marks, kept, db));
    let ran = tokio::select! {
        biased;
        ran = ran.instrument(span) => ran,
        // A server that lost power never answers.
        error = replaced.error() => Err(NotCommitted::ServerReplaced(error.into())),
    };
    match ran {
        Ok(TransactionResult { rest, has_marks }) => {
            match has_marks {
                true => engine.relay.marks_committed(&marks),
                false => engine.relay.give_back(marks),
            }
            kept.connection = Some(connection);
            Ok(take_out(works, &rest))
        }
        Err(failed) => {
            engine.relay.give_back(marks);
            close_if_suspect(engine, connection.db, failed.failure());
            if failed.failure().is_missing_partition() {
                make_partitions(engine).await;
                for work in works {
                    if let LaneWork::Message(message) = work {
                        message.age.is_doubtful = true;
                    }
                }
            }
            Err(failed)
        }
    }
}

/// The connection that a lane keeps, or else another one.
async fn connection(engine: &Engine, kept: &mut LaneState) -> Result<LaneConnection, Failure> {
    if let Some(mut connection) = kept.connection.take() {
        if !connection.replaced.is_so() {
            return Ok(connection);
        }
        connection.db.close_on_drop();
    }
    // Before the connection is made: a server may be replaced meanwhile.
    let replaced = engine.database.renewal.replaced();
    let db = answered(engine.database.lanes.acquire()).await?;
    Ok(LaneConnection { db, replaced })
}

/// Closes a connection that may be what failed: the next user of it would fail, too.
fn close_if_suspect(engine: &Engine, mut connection: PoolConnection<Postgres>, failure: &Failure) {
    if failure.is_stale_statement() {
        engine.database.renewal.renew();
    }
    if failure.kind() == FailureKind::ConnectionLost {
        connection.close_on_drop();
    }
}

/// Makes the partitions that a transaction lacked. Where one cannot be made now, the transaction
/// fails again, and comes back here. Where one was dropped, what belonged there is forgotten.
pub(crate) async fn make_partitions(engine: &Engine) {
    let now = engine.time.clock.now();
    if let Err(error) = partitions::make(&engine.database.upkeep, &engine.limits, now).await {
        tracing::error!(
            "a partition of ballet.inbox or ballet.ledger is missing, and cannot be made; its \
             messages are tried again: {error}"
        );
    }
}

/// Takes the works at these places out of the others.
fn take_out(works: &mut Vec<LaneWork>, places: &[usize]) -> Vec<LaneWork> {
    let mut taken = Vec::with_capacity(places.len());
    if places.is_empty() {
        return taken;
    }
    for (at, work) in std::mem::take(works).into_iter().enumerate() {
        let into = if places.binary_search(&at).is_ok() { &mut taken } else { &mut *works };
        into.push(work);
    }
    taken
}

struct TransactionResult {
    /// The places of the works that have not run, in order.
    rest: Vec<usize>,
    /// Whether it has written the marks.
    has_marks: bool,
}

async fn in_one_transaction(
    engine: &Arc<Engine>,
    works: &mut [LaneWork],
    marks: &[Mark],
    kept: &mut LaneState,
    connection: &mut PgConnection,
) -> Result<TransactionResult, NotCommitted> {
    loop {
        // It runs twice at most: what is careful does not run again.
        let ran = once(engine, works, marks, kept, connection).await?;
        if let Some(ran) = ran {
            return Ok(ran);
        }
    }
}

/// Returns `None` if it was rolled back, because it has to run with care.
async fn once(
    engine: &Arc<Engine>,
    works: &mut [LaneWork],
    marks: &[Mark],
    kept: &mut LaneState,
    connection: &mut PgConnection,
) -> Result<Option<TransactionResult>, NotCommitted> {
    let mut counted = OutcomeCounts::default();
    let (hurried, is_careful) = (kept.is_hurried(), kept.is_careful());
    let begun = Transaction::begin_on(Arc::clone(engine), connection).await;
    let mut transaction = begun.map_err(NotCommitted::NotBegun)?;
    transaction.is_careful = is_careful;
    fault::point(FaultPoint::AfterBegin, &*works);
    let live = take_in(&mut transaction, works, &mut counted).await?;
    if hurried {
        answered(sqlx::query(A_MOMENT).execute(transaction.db())).await?;
    }
    let begun = Instant::now();
    let ran = run_a_turn(&mut transaction, works, &live, &mut counted).await;
    let took = begun.elapsed();
    if transaction.needs_care {
        kept.careful = Some(Instant::now() + CARE);
    }
    if transaction.runs_again() {
        // Also if it failed: what comes after a refusal, such as the owner's abort, met what is to be taken back.
        return Ok(None);
    }
    let rest = ran?;
    give_back(&mut transaction, works, &rest).await?;
    let handled = live.iter().copied().filter(|at| rest.binary_search(at).is_err());
    forget_failures(&mut transaction, works, handled).await?;
    if hurried {
        answered(sqlx::query(AS_USUAL).execute(transaction.db())).await?;
    }
    let CommitResult { batch, has_marks } =
        commit(transaction, marks).await.map_err(BatchFailure::of_commit)?;
    kept.emitted = batch;
    kept.pace.learn(live.len() - rest.len(), took, kept.most);
    counted.publish();
    Ok(Some(TransactionResult { rest, has_marks }))
}

/// Locks the sagas, and notes the messages and the answers. Returns the places of those that are new.
async fn take_in(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
    counted: &mut OutcomeCounts,
) -> Result<Vec<usize>, NotCommitted> {
    let sagas: Vec<SagaId> = works.iter().filter_map(LaneWork::saga).collect();
    old_messages::check_messages(transaction, works).await?;
    let mut received = transaction.receive(&sagas, &new_messages(works)).await?;
    let answers: Vec<(CallKey, Option<&str>)> = works.iter().filter_map(answer).collect();
    let now = transaction.scope.now;
    let mut open = answered(calls::close(transaction.db(), &answers, now)).await?;

    let mut live = Vec::with_capacity(works.len());
    for at in 0..works.len() {
        let is_live = match &works[at] {
            LaneWork::Message(message) => received.fresh.remove(&message.envelope.message_id),
            LaneWork::Answer(answer) => open.remove(&answer.call.key),
        };
        let reuses_id = !is_live && is_reused(works, at, &received);
        if is_live {
            live.push(at);
        }
        if let LaneWork::Message(message) = &mut works[at] {
            // It may have been in a batch before, which was rolled back.
            (message.is_duplicate, message.reuses_id) = (!is_live, reuses_id);
            if !is_live {
                counted.add(message.envelope.event_type.name(), "duplicate");
            }
        }
    }
    old_messages::check_sagas(transaction, works, &live).await?;
    lock_named(transaction, works, &live).await?;
    Ok(live)
}

/// Runs handlers until the turn is over. Returns the places of what has not run, in order.
async fn run_a_turn(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
    live: &[usize],
    counted: &mut OutcomeCounts,
) -> Result<Vec<usize>, NotCommitted> {
    let begun = Instant::now();
    let mut runs = plan(live.iter().map(|at| BatchSlot::of(*at, &works[*at]))).into_iter();
    for run in runs.by_ref() {
        bulk_runs::handle(transaction, works, &run, counted).await?;
        if transaction.runs_again() || begun.elapsed() >= TURN {
            break;
        }
    }
    let mut rest: Vec<usize> = runs.flatten().collect();
    rest.sort_unstable();
    Ok(rest)
}

/// Leaves works to the next transaction, as if this one had not taken them in.
async fn give_back(
    transaction: &mut Transaction<'_>,
    works: &[LaneWork],
    rest: &[usize],
) -> Result<(), Failure> {
    if rest.is_empty() {
        return Ok(());
    }
    let messages: Vec<NewMessage> = rest.iter().filter_map(|at| new_message(&works[*at])).collect();
    let calls: Vec<CallKey> =
        rest.iter().filter_map(|at| answer(&works[*at])).map(|(key, _)| key).collect();
    answered(inbox::forget(transaction.db(), &messages)).await?;
    answered(calls::reopen(transaction.db(), &calls)).await
}

fn answer(work: &LaneWork) -> Option<(CallKey, Option<&str>)> {
    match work {
        LaneWork::Message(_) => None,
        LaneWork::Answer(answer) => Some((answer.call.key, answer.answer.as_deref())),
    }
}

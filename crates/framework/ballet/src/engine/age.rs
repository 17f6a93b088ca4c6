//! Whether a saga is too old, or too early, to begin, and what may be forgotten.
//!
//! A saga begins only while its deadline and the room after it lie within its memory, so that all
//! of it can end while it is remembered. What has begun goes on while the ledger covers the saga's
//! time, since only then can a step that has not run be told from a forgotten one.

use ballet_core::envelope::Limits;
use ballet_core::{MessageId, SagaId, id};
use ballet_store::partitions::{PartitionMemory, PartitionedTable, memories};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

pub(crate) fn too_old_to_begin(
    limits: &Limits,
    deadline: Option<SignedDuration>,
    saga_id: SagaId,
    now: Timestamp,
) -> Option<String> {
    let time = id::time_of(saga_id.0)?;
    let within = limits.begins_within(deadline);
    (now.duration_since(time) > within).then(|| {
        format!(
            "the id of saga {saga_id} is of {time}, and a saga begins within {within:#} of that, so \
             that it can end before it is forgotten after {:#}: begin it under a new id",
            limits.saga_window
        )
    })
}

/// Every service would refuse the events of a saga of the future.
pub(crate) fn too_early_to_begin(
    limits: &Limits,
    saga_id: SagaId,
    latest: Timestamp,
) -> Option<String> {
    let time = id::time_of(saga_id.0)?;
    (latest.duration_until(time) > limits.clock_skew).then(|| {
        format!(
            "the id of saga {saga_id} is of {time}, but it is {latest} here: set the clocks, or begin it under a new id"
        )
    })
}

/// Whether the ledger may have forgotten a saga.
pub(crate) fn is_old(limits: &Limits, saga_id: SagaId, now: Timestamp) -> bool {
    id::time_of(saga_id.0).is_some_and(|time| now.duration_since(time) > limits.saga_window)
}

/// Whether the inbox may have forgotten a message.
pub(crate) fn id_is_old(limits: &Limits, MessageId(id): MessageId, now: Timestamp) -> bool {
    id::time_of(id).is_some_and(|time| now.duration_since(time) > limits.inbox_window)
}

pub(crate) fn why_too_old(limits: &Limits, MessageId(id): MessageId) -> String {
    let made = id::time_of(id).unwrap_or_default();
    let window = limits.inbox_window;
    let remembered = match window.as_hours() / 24 {
        0 => format!("{window:#}"),
        days => format!("{days} days"),
    };
    format!(
        "message id {id} was made at {made}, and ids are remembered for {remembered}: check whether it was \
         handled, and send it again under a new id if it was not"
    )
}

/// Says what to do about a message that was taken for the beginning of a saga twice.
pub(crate) fn why_repeated(MessageId(id): MessageId) -> String {
    format!(
        "message id {id} has no time in it, and saga {id} has begun here before, by another message or \
         by this one longer ago than that is remembered: this is a copy, or a new message with the same \
         body or id; give each message an id of its own, a UUIDv7"
    )
}

/// Returns the first of these sagas that the ledger has forgotten. All have a time in their id.
pub(crate) async fn forgotten(
    db: &mut PgConnection,
    limits: &Limits,
    sagas: impl Iterator<Item = SagaId> + Clone,
    now: Timestamp,
) -> Result<Option<SagaId>, sqlx::Error> {
    let times = sagas.clone().filter_map(|saga| id::time_of(saga.0)).collect::<Vec<_>>();
    let memories = memories(db, &PartitionedTable::ledger(limits), &times).await?;
    let mut sagas = sagas.zip(memories);
    let is_forgotten = |(saga, memory): &(SagaId, PartitionMemory)| {
        memory.is_forgotten(is_old(limits, *saga, now))
    };
    Ok(sagas.find(is_forgotten).map(|(saga, _)| saga))
}

pub(crate) fn why_forgotten(limits: &Limits, service: &str, saga_id: SagaId) -> String {
    if id::time_of(saga_id.0).is_none() {
        return format!(
            "the id of saga {saga_id} has no time in it, and {service} has forgotten this saga: look \
             it up in the service's own rows; what is missing has to be done by hand, or by a new \
             saga under a new id"
        );
    }
    format!(
        "the id of saga {saga_id} is older than {:#}, and the ledger of {service} no longer covers \
         its time, so it cannot tell whether this was done: look it up in the service's own rows; \
         what is missing has to be done by hand, or by a new saga",
        limits.saga_window
    )
}

//! Rows that a step will touch, named beforehand, so that two transactions that touch the same
//! ones cannot wait for each other.
//!
//! A batch runs many handlers in one transaction, each of which locks what it changes, so two
//! batches would lock the same rows in different orders. When steps name their rows, the batch
//! takes a lock for each name before any handler runs: all of them with one statement, in one
//! order everywhere. The locks are advisory, see `docs/decisions/0006-rows-are-locked-by-name.md`.

use std::sync::Arc;

use ballet_core::{AnyEvent, SagaId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::batch::{BatchFailure, limited};
use crate::erased::AnyStep;
use crate::ledger::{Entry, Row};
use crate::message::Work;
use crate::unit_of_work::UnitOfWork;
use crate::{Failure, Item};

/// Names of rows: a word for the table, and a key. Both are the service's own; what matters is
/// that all steps that touch a row give it the same name.
///
/// ```
/// let rows = ballet::Rows::of("stock", ["mug", "spoon"]).and("shelf", ["7"]);
/// # assert!(!rows.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(Vec<i64>);

/// Names become lock keys by UUIDv5: the same in every process and version.
const NAMESPACE: Uuid = Uuid::from_u128(0x6261_6c6c_6574_5000_8000_0000_726f_7773);

impl Rows {
    /// No rows.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// These rows of a table.
    #[must_use]
    pub fn of<K: AsRef<str>>(table: &str, keys: impl IntoIterator<Item = K>) -> Self {
        Self::none().and(table, keys)
    }

    /// And these of another.
    #[must_use]
    pub fn and<K: AsRef<str>>(mut self, table: &str, keys: impl IntoIterator<Item = K>) -> Self {
        self.0.extend(keys.into_iter().map(|key| lock_key(table, key.as_ref())));
        self
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Takes the locks; they are released with the transaction. Whoever touches one row alone waits
    /// for it with nothing in its hands that others wait for, and needs none.
    pub(crate) async fn lock(self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let alone = self.0.first().is_none_or(|first| self.0.iter().all(|key| key == first));
        if alone { Ok(()) } else { crate::saga_lock::lock_keys(db, self.0).await }
    }
}

/// Locks the rows that the steps of a batch name: of those that it triggers, and of those that it
/// may undo. After the ledger is read, and before any handler runs.
pub(crate) async fn lock_named(
    unit: &mut UnitOfWork<'_>,
    works: &mut [Work],
    live: &[usize],
) -> Result<(), BatchFailure> {
    let engine = Arc::clone(&unit.engine);
    let mut rows = Rows::none();
    for (step, on) in triggers(works, live)? {
        let named = limited(&engine, step.touches(unit.db(), on)).await;
        rows.extend(named.map_err(|failure| BatchFailure::of_step(step.part().name, failure))?);
    }
    let mut sagas: Vec<SagaId> =
        live.iter().map(|at| &works[*at]).filter(|w| w.undoes()).filter_map(Work::saga).collect();
    sagas.sort_unstable();
    sagas.dedup();
    for (step, done) in outcomes(unit, &sagas).await? {
        let named = limited(&engine, step.undo_touches(unit.db(), done)).await;
        rows.extend(named.map_err(|failure| BatchFailure::of_step(step.part().name, failure))?);
    }
    Ok(rows.lock(unit.db()).await.map_err(Failure::from)?)
}

type Triggers<'a> = Vec<(Arc<dyn AnyStep>, Vec<Item<&'a AnyEvent>>)>;

/// The steps that are triggered, each with its triggers.
fn triggers<'a>(works: &'a mut [Work], live: &[usize]) -> Result<Triggers<'a>, BatchFailure> {
    for at in live {
        let Work::Message(message) = &mut works[*at] else { continue };
        for place in 0..message.known.handlers.len() {
            message.prepare(place).map_err(|failure| BatchFailure::of_work(*at, failure))?;
        }
    }
    let mut triggers: Triggers<'_> = Vec::new();
    for at in live {
        let Work::Message(message) = &works[*at] else { continue };
        for (place, handler) in message.known.handlers.iter().enumerate() {
            // One event of a join does not say what the join will do.
            let (step, on) = (handler.step_of_one(), message.prepared(place));
            let (Some(step), Some(on), Some(saga)) = (step, on, message.envelope.saga_id) else {
                continue;
            };
            let on = Item::of_saga(saga, on);
            match triggers.iter_mut().find(|(known, _)| Arc::ptr_eq(known, step)) {
                Some((_, triggers)) => triggers.push(on),
                None => triggers.push((Arc::clone(step), vec![on])),
            }
        }
    }
    Ok(triggers)
}

/// The steps that may be undone in these sagas, each with its outcomes. The outcomes stay in
/// memory, so the undos need not read them again.
async fn outcomes(
    unit: &mut UnitOfWork<'_>,
    sagas: &[SagaId],
) -> Result<Vec<(Arc<dyn AnyStep>, Vec<Item<String>>)>, Failure> {
    let engine = Arc::clone(&unit.engine);
    let steps: Vec<_> = engine.registry.undone_here().collect();
    let names: Vec<&str> = steps.iter().map(|step| step.part().name).collect();
    let is_done = |row: &Row| row.entry == Entry::Done && names.contains(&row.step.as_str());
    let (db, ledger) = unit.db_and_ledger();
    let mut done: Vec<SagaId> = sagas.to_vec();
    done.retain(|saga| ledger.rows(*saga).iter().any(is_done));
    if done.is_empty() {
        return Ok(Vec::new());
    }
    ledger.read_outcomes(db, &done, &names).await?;
    let of = |step: &Arc<dyn AnyStep>| {
        let rows = done.iter().flat_map(|saga| ledger.rows(*saga).iter().map(|row| (*saga, row)));
        rows.filter(|(_, row)| row.entry == Entry::Done && row.step == step.part().name)
            .filter_map(|(saga, row)| Some(Item::of_saga(saga, row.body()?.into_owned())))
            .collect::<Vec<_>>()
    };
    let outcomes = steps.iter().map(|step| (Arc::clone(step), of(step)));
    Ok(outcomes.filter(|(_, done)| !done.is_empty()).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn lock_key(table: &str, key: &str) -> i64 {
    let name = [table, key].join("\0");
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u128() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_row_wherever_it_is_given() {
        assert_eq!(Rows::of("stock", ["mug"]), Rows::of("stock", [String::from("mug")]));
        assert_ne!(Rows::of("stock", ["mug"]), Rows::of("stock", ["mugs"]));
        assert_ne!(Rows::of("stock", ["s1"]), Rows::of("stocks", ["1"]));
        // Other versions of the service must find the same key.
        assert_eq!(lock_key("stock", "mug"), lock_key("stock", "mug"));
    }
}

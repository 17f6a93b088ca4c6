//! Which sagas in the ledger are open: something of them has begun here, and nothing says that it has
//! ended.
//!
//! Nobody reports to a participant how a saga ended. Its own steps show that: everything is undone,
//! or a step after the decision ran.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use uuid::Uuid;

use crate::database::connection::{in_long_time, in_time, patient};

/// A step and its saga, by their names.
pub type StepOf = (&'static str, &'static str);

/// The steps of a service that tell whether a saga has ended here.
#[derive(Debug, Clone, Default)]
pub struct Stages {
    /// The owner's beginnings of sagas that it decides.
    pub begin: Vec<StepOf>,
    /// The steps that an abort undoes.
    pub undoable: Vec<StepOf>,
    /// The steps that run only after the decision, and the owner's decision itself.
    pub last: Vec<StepOf>,
}

/// Finds the open sagas of a ledger table.
#[derive(Debug)]
pub struct OpenSagas<'a> {
    stages: &'a Stages,
    /// The time from which on it counts that a saga may still be aborted.
    since: Timestamp,
}

impl<'a> OpenSagas<'a> {
    pub const fn new(stages: &'a Stages, since: Timestamp) -> Self {
        Self { stages, since }
    }

    /// Queries for the ids of the open sagas, those first that mostly find one. `only` narrows them
    /// to some rows `r`, and begins with `and` if it is not empty.
    pub fn queries(table: &str, only: &str) -> [String; 5] {
        let of = |what: &str| {
            format!("exists (select from ballet.{table} e where e.saga_id = r.saga_id and {what})")
        };
        let (call_is_over, undone, arrived_ran) = (
            of("e.step = r.step and e.key = r.key and (e.entry = 'undone' \
                or (r.entry = 'calling' and e.entry in ('done', 'refused')))"),
            of("e.step = r.step and e.key = r.key and e.entry = 'undone'"),
            of("((e.step = r.step and e.entry in ('done', 'refused', 'calling')) \
                or (e.step = '' and e.entry = 'aborted'))"),
        );
        let is_last = "e.entry in ('done', 'refused') and exists (select from \
             unnest($3::text[], $4::text[]) as last (step, saga) \
             where last.step = e.step and last.saga = s.saga)";
        let is_aborted = "e.entry = 'aborted' and e.step = '' and e.key in ('', s.saga)";
        let is_taken_back = "e.entry = 'aborted' and ((e.step = '' and e.key in ('', s.saga)) \
             or (e.step = r.step and e.key = r.key))";
        let (taken_back, settled) = (of(is_taken_back), of(is_last));
        let decided = of(&format!("(({is_aborted}) or ({is_last}))"));
        let from = format!("select r.saga_id from ballet.{table} r");
        let undoable = "join unnest($1::text[], $2::text[]) as s (step, saga) on s.step = r.step";
        let begin = "join unnest($5::text[], $6::text[]) as s (step, saga) on s.step = r.step";
        [
            // Its owner has not decided.
            format!("{from} {begin} where r.entry = 'done' and not {decided} {only}"),
            // It may still be aborted.
            format!(
                "{from} {undoable} where r.entry = 'done' and r.recorded_at >= $7 \
                 and not {undone} and not {settled} {only}"
            ),
            // A call is open.
            format!("{from} where r.entry in ('calling', 'undoing') and not {call_is_over} {only}"),
            // It is aborted, and not all of it is undone.
            format!(
                "{from} {undoable} where r.entry = 'done' and not {undone} and {taken_back} {only}"
            ),
            // A join waits.
            format!(
                "{from} where r.entry = 'arrived' and r.recorded_at >= $7 \
                 and not {arrived_ran} {only}"
            ),
        ]
    }

    /// Binds the parameters 1 to 7.
    pub fn bind<'q>(
        &self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        let Stages { begin, undoable, last } = self.stages;
        let mut query = query;
        for steps in [undoable, last, begin] {
            let (steps, sagas): (Vec<&str>, Vec<&str>) = steps.iter().copied().unzip();
            query = query.bind(steps).bind(sagas);
        }
        query.bind(self.since.to_sqlx())
    }
}

/// Returns true if a partition of the ledger, with the ids between these bounds, contains an open
/// saga, a deadline, or a message that fails.
pub async fn any(
    db: &mut PgConnection,
    partition: &str,
    (from, to): (Uuid, Uuid),
    open: &OpenSagas<'_>,
) -> Result<bool, sqlx::Error> {
    // The small tables first.
    let statement = format!(
        "select from (select) as one where \
         exists (select from ballet.failure where saga_id >= $1 and saga_id < $2) \
         or exists (select from ballet.deadline d join ballet.{partition} o using (saga_id))"
    );
    let query = sqlx::query(AssertSqlSafe(statement)).bind(from).bind(to);
    if in_time(query.fetch_optional(&mut *db)).await?.is_some() {
        return Ok(true);
    }
    // One by one, since one that finds nothing reads the whole partition, which may be big.
    for query in OpenSagas::queries(partition, "") {
        let statement = format!("select from (select) as one where exists ({query})");
        let query = open.bind(sqlx::query(AssertSqlSafe(statement)));
        let mut db = patient(db).await?;
        let found = in_long_time(query.fetch_optional(&mut *db)).await?;
        in_time(db.rollback()).await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

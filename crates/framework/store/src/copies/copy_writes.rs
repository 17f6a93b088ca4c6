//! The table of copied entities: what a transaction writes to it, and what is read from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::copies::entity_row::{EntityRow, RunPage};

/// How long before a copy was emptied an event may have been made and still count, since its
/// transaction may have been open while the owner read the entity for the run that fills the copy.
const LONGEST_TRANSACTION: &str = "10 minutes";

/// The copied entities that a transaction writes with one statement at its end, in one order, so
/// that transactions cannot deadlock on them.
#[derive(Debug, Default)]
pub struct CopyWrites {
    rows: BTreeMap<(&'static str, String), Vec<CopyVersion>>,
    pages: BTreeMap<&'static str, RunPages>,
}

#[derive(Debug)]
struct CopyVersion {
    version: i64,
    state: Option<String>,
    run: Option<Uuid>,
    /// When the message was made. A message from long before the copy was emptied does not count.
    made_at: Option<Timestamp>,
}

impl CopyVersion {
    /// Whether the other version never counts beside this one.
    fn outdoes(&self, other: &Self) -> bool {
        let counts_as_well = match (self.made_at, other.made_at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(others)) => ours >= others,
        };
        counts_as_well && (self.version, self.run) > (other.version, other.run)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct RunPages {
    run: Uuid,
    seen: i64,
    pages: Option<i64>,
}

impl CopyWrites {
    /// Takes a message's versions of entities. The newer of two versions counts; if they are equal, the one
    /// of the newer run, else the first.
    pub fn add(
        &mut self,
        entity: &'static str,
        rows: Vec<EntityRow>,
        page: Option<RunPage>,
        made_at: Option<Timestamp>,
    ) {
        let run = page.map(|page| page.run);
        for EntityRow { id, version, state } in rows {
            let copy = CopyVersion { version, state, run, made_at };
            let known = self.rows.entry((entity, id)).or_default();
            if !known.iter().any(|known| known.outdoes(&copy)) {
                known.retain(|known| !copy.outdoes(known));
                known.push(copy);
            }
        }
        if let Some(RunPage { run, pages }) = page {
            let known = self.pages.entry(entity).or_default();
            // Pages of an older run are not counted.
            if known.run < run {
                *known = RunPages { run, seen: 0, pages: None };
            }
            if known.run == run {
                known.seen += 1;
                known.pages = known.pages.or(pages);
            }
        }
    }

    /// Writes the entities. An older version changes nothing. An equal one only repairs a row that
    /// differs, and only if it comes from the owner's own rows by the newest run. A message from
    /// before the copy was emptied changes nothing, since the owner's versions may have been set
    /// back.
    pub async fn flush(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { mut rows, pages } = std::mem::take(self);
        for (entity, RunPages { run, seen, pages }) in pages {
            // Before the entities, so that a page of an older run sees that there is a newer one,
            // and waits without a lock on an entity.
            let counted = sqlx::query(
                "update ballet.copy_fill set run = $2, page_at = ballet.now(), \
                     seen = case when run = $2 then seen else 0 end + $3, \
                     pages = coalesce($4, case when run = $2 then pages end) \
                 where entity = $1 and (run is null or run <= $2)",
            );
            let counted = counted.bind(entity).bind(run).bind(seen).bind(pages);
            let is_newest = counted.execute(&mut *db).await?.rows_affected() > 0;
            let of_entity = rows.iter_mut().filter(|((of, _), _)| *of == entity);
            for copy in of_entity.flat_map(|(_, copies)| copies) {
                // An entity of another run counts no more than one of an event.
                copy.run = copy.run.filter(|of| is_newest && *of == run);
            }
            sqlx::query(
                "update ballet.copy_fill set filled_run = run, filled_at = ballet.now() \
                 where entity = $1 and seen >= pages and filled_run is distinct from run",
            )
            .bind(entity)
            .execute(&mut *db)
            .await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let size = rows.len();
        let mut entities = Vec::with_capacity(size);
        let mut ids = Vec::with_capacity(size);
        let mut versions = Vec::with_capacity(size);
        let mut states = Vec::with_capacity(size);
        let mut runs = Vec::with_capacity(size);
        let mut times = Vec::with_capacity(size);
        let copies = rows
            .into_iter()
            .flat_map(|(place, copies)| copies.into_iter().map(move |copy| (place.clone(), copy)));
        for ((entity, id), CopyVersion { version, state, run, made_at }) in copies {
            entities.push(entity);
            ids.push(id);
            versions.push(version);
            states.push(state);
            runs.push(run);
            times.push(made_at.map(ToSqlx::to_sqlx));
        }
        sqlx::query(
            "insert into ballet.copy as mine (entity, id, version, state, run) \
             select distinct on (entity collate \"C\", id collate \"C\") \
                 entity, id, version, state::jsonb, run \
             from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], \
                 $6::timestamptz[]) with ordinality \
                 as new (entity, id, version, state, run, made_at, place) \
             where not exists (select from ballet.copy_fill f where f.entity = new.entity \
                 and new.made_at < f.emptied_at - $7::interval) \
             order by entity collate \"C\", id collate \"C\", version desc, \
                 run desc nulls last, place \
             on conflict (entity, id) do update \
             set version = excluded.version, state = excluded.state, run = excluded.run \
             where mine.version < excluded.version or (mine.version = excluded.version \
                 and excluded.run is not null and mine.state is distinct from excluded.state)",
        )
        .bind(entities)
        .bind(ids)
        .bind(versions)
        .bind(states)
        .bind(runs)
        .bind(times)
        .bind(LONGEST_TRANSACTION)
        .execute(&mut *db)
        .await?;
        Ok(())
    }
}

/// An entity in a copy: its id, its version, and its state as JSON unless it is removed.
pub type CopiedRow = (String, i64, Option<String>);

/// Reads entities of a copy, by id. Those that it does not know are left out.
pub async fn rows(
    db: &mut PgConnection,
    entity: &str,
    ids: &[&str],
) -> Result<Vec<CopiedRow>, sqlx::Error> {
    sqlx::query_as(
        "select id, version, state::text from ballet.copy where entity = $1 and id = any($2)",
    )
    .bind(entity)
    .bind(ids)
    .fetch_all(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, version: i64, state: &str) -> EntityRow {
        EntityRow { id: id.to_owned(), version, state: Some(state.to_owned()) }
    }

    #[test]
    fn of_a_batch_the_newest_version_counts() {
        let mut copied = CopyWrites::default();
        copied.add("lamp", vec![row("hall", 2, "2")], None, None);
        copied.add("lamp", vec![row("hall", 1, "1"), row("attic", 1, "1")], None, None);
        assert_eq!(states(&copied), ["1", "2"]);
        let page = |run| Some(RunPage { run: Uuid::from_u128(run), pages: None });
        for (run, text) in [(2, "of the newer run"), (1, "of the older run")] {
            copied.add("lamp", vec![row("hall", 2, text)], page(run), None);
        }
        assert_eq!(states(&copied), ["1", "of the newer run"]);
    }

    /// One of them may have been made too early to count, which only the database knows.
    #[test]
    fn of_a_batch_a_newer_version_that_was_made_earlier_does_not_replace_an_older_one() {
        let at = |second| Timestamp::from_second(second).ok();
        let mut copied = CopyWrites::default();
        copied.add("lamp", vec![row("hall", 2, "2")], None, at(2));
        copied.add("lamp", vec![row("hall", 3, "3")], None, at(1));
        assert_eq!(states(&copied), ["2", "3"]);
        copied.add("lamp", vec![row("hall", 4, "4")], None, at(3));
        assert_eq!(states(&copied), ["4"]);
    }

    fn states(copied: &CopyWrites) -> Vec<&str> {
        let copies = copied.rows.values().flatten();
        copies.filter_map(|copy| copy.state.as_deref()).collect()
    }

    #[test]
    fn pages_of_the_newest_run_are_counted() {
        let run = |number| Uuid::from_u128(number);
        let mut copied = CopyWrites::default();
        for (number, pages) in [(2, None), (1, Some(9)), (2, Some(4)), (2, None)] {
            copied.add("lamp", Vec::new(), Some(RunPage { run: run(number), pages }), None);
        }
        assert_eq!(copied.pages["lamp"], RunPages { run: run(2), seen: 3, pages: Some(4) });
    }
}

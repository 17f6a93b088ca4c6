//! The table of copied entities: what a transaction writes to it, and how handlers read it.

use std::collections::{BTreeMap, HashMap};

use ballet_core::{Entity, Versioned};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::declare::entity_row::{EntityRow, Page};
use crate::declare::failure::Failure;

/// The copied entities that a transaction writes. They are written with one statement at its end,
/// in one order, so that transactions cannot deadlock on them.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// By entity and id.
    rows: BTreeMap<(&'static str, String), Copy>,
    /// The pages of runs, by entity.
    pages: BTreeMap<&'static str, Pages>,
}

#[derive(Debug)]
struct Copy {
    version: i64,
    state: Option<String>,
    run: Option<Uuid>,
}

/// Pages of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pages {
    run: Uuid,
    seen: i64,
    pages: Option<i64>,
}

impl Copied {
    /// Takes what an event says of entities. Of two versions the newer counts, and the first of two
    /// that are equal.
    pub(crate) fn add(&mut self, entity: &'static str, rows: Vec<EntityRow>, page: Option<Page>) {
        let run = page.map(|page| page.run);
        for EntityRow { id, version, state } in rows {
            let copy = Copy { version, state, run };
            match self.rows.entry((entity, id)) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(copy);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    if known.get().version < version {
                        known.insert(copy);
                    }
                }
            }
        }
        if let Some(Page { run, pages }) = page {
            let known = self.pages.entry(entity).or_default();
            // Pages of an older run are not counted.
            if known.run < run {
                *known = Pages { run, seen: 0, pages: None };
            }
            if known.run == run {
                known.seen += 1;
                known.pages = known.pages.or(pages);
            }
        }
    }

    /// Writes the entities. An older version changes nothing, nor does an equal one, unless it comes
    /// from the owner's own rows: then it mends a row that differs.
    pub(crate) async fn flush(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { rows, pages } = std::mem::take(self);
        if !rows.is_empty() {
            let size = rows.len();
            let mut entities = Vec::with_capacity(size);
            let mut ids = Vec::with_capacity(size);
            let mut versions = Vec::with_capacity(size);
            let mut states = Vec::with_capacity(size);
            let mut runs = Vec::with_capacity(size);
            for ((entity, id), Copy { version, state, run }) in rows {
                entities.push(entity);
                ids.push(id);
                versions.push(version);
                states.push(state);
                runs.push(run);
            }
            sqlx::query(
                "insert into ballet.copy as mine (entity, id, version, state, run) \
                 select entity, id, version, state::jsonb, run \
                 from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::uuid[]) \
                     as new (entity, id, version, state, run) \
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
            .execute(&mut *db)
            .await?;
        }
        for (entity, Pages { run, seen, pages }) in pages {
            // After the entities: whoever waits for this row has their locks already.
            let counted = sqlx::query(
                "update ballet.copy_fill set run = $2, page_at = ballet.now(), \
                     seen = case when run = $2 then seen else 0 end + $3, \
                     pages = coalesce($4, case when run = $2 then pages end) \
                 where entity = $1 and (run is null or run <= $2)",
            );
            let counted = counted.bind(entity).bind(run).bind(seen).bind(pages);
            counted.execute(&mut *db).await?;
            sqlx::query(
                "update ballet.copy_fill set filled_run = run, filled_at = ballet.now() \
                 where entity = $1 and seen >= pages and filled_run is distinct from run",
            )
            .bind(entity)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}

/// Reads an entity from this service's copy: `None` if the copy does not know it, and a version
/// without a state if it was removed.
///
/// It reads what was committed before. Events that the same batch brings are written at its end.
///
/// # Errors
///
/// A failure of the database, or a permanent one if the state does not have the entity's shape.
pub async fn get<E: Entity>(
    db: &mut PgConnection,
    id: &str,
) -> Result<Option<Versioned<E>>, Failure> {
    let row: Option<(i64, Option<String>)> = sqlx::query_as(
        "select version, state::text from ballet.copy where entity = $1 and id = $2",
    )
    .bind(E::NAME)
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.map(|(version, state)| decoded(id.to_owned(), version, state)).transpose()
}

/// Reads several entities from this service's copy, by id. Those that it does not know are left out.
/// See [`get`].
///
/// # Errors
///
/// As with [`get`].
pub async fn get_all<E: Entity>(
    db: &mut PgConnection,
    ids: &[&str],
) -> Result<HashMap<String, Versioned<E>>, Failure> {
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
        "select id, version, state::text from ballet.copy where entity = $1 and id = any($2)",
    )
    .bind(E::NAME)
    .bind(ids)
    .fetch_all(db)
    .await?;
    let decode = |(id, version, state): (String, i64, Option<String>)| {
        Ok((id.clone(), decoded(id, version, state)?))
    };
    rows.into_iter().map(decode).collect()
}

fn decoded<E: Entity>(
    id: String,
    version: i64,
    state: Option<String>,
) -> Result<Versioned<E>, Failure> {
    let state = state.map(|state| serde_json::from_str(&state)).transpose().map_err(|error| {
        Failure::permanent(format!(
            "the copy of {} {id:?} cannot be decoded; `ballet copies rebuild` brings it anew: {error}",
            E::NAME
        ))
    })?;
    Ok(Versioned { id, version, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, version: i64, state: &str) -> EntityRow {
        EntityRow { id: id.to_owned(), version, state: Some(state.to_owned()) }
    }

    #[test]
    fn of_a_batch_the_newest_version_counts() {
        let mut copied = Copied::default();
        copied.add("lamp", vec![row("hall", 2, "2")], None);
        copied.add("lamp", vec![row("hall", 1, "1"), row("attic", 1, "1")], None);
        copied.add("lamp", vec![row("hall", 2, "another")], None);
        let states: Vec<_> = copied.rows.into_values().map(|copy| copy.state).collect();
        assert_eq!(states, [Some("1".to_owned()), Some("2".to_owned())]);
    }

    #[test]
    fn pages_of_the_newest_run_are_counted() {
        let run = |number| Uuid::from_u128(number);
        let mut copied = Copied::default();
        for (number, pages) in [(2, None), (1, Some(9)), (2, Some(4)), (2, None)] {
            copied.add("lamp", Vec::new(), Some(Page { run: run(number), pages }));
        }
        assert_eq!(copied.pages["lamp"], Pages { run: run(2), seen: 3, pages: Some(4) });
    }
}

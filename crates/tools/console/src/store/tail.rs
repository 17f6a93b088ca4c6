//! The journal's last and new entries.

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::append;
use crate::store::entry_row::EntryRow;

/// Only few of these places may pass the filters.
const LOOKED_AT: i64 = 100_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct TailFilter {
    pub(crate) event_type: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) saga: Option<Uuid>,
}

/// Returns the entries behind this place, or of all, at most `limit`, in the journal's order, with the last searched
/// place.
pub(crate) async fn entries(
    pool: &PgPool,
    following: &TailFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<(Vec<EntryRow>, i64), sqlx::Error> {
    // First: all entries before it are there.
    let last = append::next(pool).await? - 1;
    let after = after.unwrap_or(-1).max(last - LOOKED_AT);
    let mut query = QueryBuilder::<Postgres>::new(
        "select place, member, at, kind, saga, type, service, message_id, cause, handler, reason, detail, \
             attempts, who, why, substr(body, 1, 2048) as body, size from console.entry where place > ",
    );
    query.push_bind(after);
    if let Some(part) = &following.event_type {
        query.push(" and strpos(type, ").push_bind(part).push(") > 0");
    }
    if let Some(service) = &following.service {
        query.push(" and service = ").push_bind(service);
    }
    if let Some(kind) = following.kind {
        query.push(" and kind = ").push_bind(kind);
    }
    if let Some(saga) = following.saga {
        query.push(" and saga = ").push_bind(saga);
    }
    query.push(" order by place desc, member desc limit ").push_bind(limit);
    let mut rows: Vec<EntryRow> = query.build_query_as().fetch_all(pool).await?;
    rows.reverse();
    let last = rows.last().map_or(last, |row| row.place.max(last));
    Ok((rows, last))
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Servers};

    use super::*;
    use crate::store::prepare::prepare;

    #[tokio::test]
    async fn who_cannot_read_all_sees_the_last_that_pass_the_filters() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "console_tail").await.expect("one");
        let pool = prepare(database.url().parse().expect("a URL")).await.expect("tables");
        for statement in [
            "create table console.entry_all partition of console.entry default",
            // Of two services, not in the order of their times.
            "insert into console.entry (place, at, kind, saga, type, service, message_id, body, size) \
             select n, now() - n * interval '1 s', 'event', gen_random_uuid(), 'a.done.v1', \
                 case n % 2 when 0 then 'a' else 'b' end, gen_random_uuid(), '{}', 2 \
             from generate_series(0, 999) n",
            "update console.progress set next = 1000",
        ] {
            sqlx::query(statement).execute(&pool).await.expect("done");
        }
        let of_a = TailFilter { service: Some("a".to_owned()), ..TailFilter::default() };
        for (following, after, expected) in [
            (&TailFilter::default(), None, [997, 998, 999].as_slice()),
            (&TailFilter::default(), Some(10), &[997, 998, 999]),
            (&TailFilter::default(), Some(998), &[999]),
            (&of_a, Some(10), &[994, 996, 998]),
            (&of_a, Some(998), &[]),
            (&of_a, Some(1_100), &[]),
        ] {
            let (rows, looked_to) = entries(&pool, following, after, 3).await.expect("rows");
            let places: Vec<i64> = rows.iter().map(|row| row.place).collect();
            // Entries that do not pass are not searched again.
            assert_eq!((&*places, looked_to), (expected, 999), "{following:?} after {after:?}");
        }
        // After a long pause only the last places are searched.
        let later = "update console.progress set next = 1000 + $1";
        sqlx::query(later).bind(LOOKED_AT).execute(&pool).await.expect("done");
        let (rows, looked_to) = entries(&pool, &of_a, Some(10), 3).await.expect("rows");
        assert!(rows.is_empty(), "{rows:?}");
        assert_eq!(looked_to, 999 + LOOKED_AT);
    }
}

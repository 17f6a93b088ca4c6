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

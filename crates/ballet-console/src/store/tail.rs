//! The last entries of the journal, and those that come.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::row::Row;

/// Entries are written by several services: one that comes later may say an earlier time.
const LATE: &str = "1 minute";

/// Which entries are followed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Following {
    /// A part of the type.
    pub(crate) event_type: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) saga: Option<Uuid>,
}

/// The entries after this place of the journal, or the last ones; at most `limit`, in the order of the journal.
pub(crate) async fn entries(
    pool: &PgPool,
    following: &Following,
    after: Option<(i64, Timestamp)>,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select place, at, kind, saga, type, service, message_id, cause, handler, reason, detail, \
             attempts, who, why, substr(body, 1, 2048) as body, size from console.entry where true",
    );
    if let Some((place, at)) = after {
        // The time has an index, and the place has none.
        query.push(" and at > ").push_bind(at.to_sqlx());
        query.push(format!("::timestamptz - interval '{LATE}' and place > ")).push_bind(place);
    }
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
    query.push(if after.is_some() { " order by place limit " } else { " order by at desc limit " });
    query.push_bind(limit);
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(pool).await?;
    rows.sort_by_key(|row| row.place);
    Ok(rows)
}

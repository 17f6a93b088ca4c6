//! The journal's last entries.

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::append;
use crate::store::entry_row::EntryRow;

/// Only few of these places may pass the filters.
const LOOKED_AT: i64 = 100_000;
/// The number of entries on a page: nobody reads more.
const MOST: i64 = 100;

/// The filters, of which an empty one lets all pass.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct TailFilter {
    /// A part of the type.
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) service: String,
    pub(crate) kind: String,
    pub(crate) saga: String,
}

/// Returns the last entries in the journal's order.
pub(crate) async fn entries(
    pool: &PgPool,
    filter: &TailFilter,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    let after = append::next(pool).await? - 1 - LOOKED_AT;
    let mut query = QueryBuilder::<Postgres>::new(
        "select place, member, at, kind, saga, type, service, message_id, cause, handler, reason, detail, \
             attempts, who, why, substr(body, 1, 2048) as body, size from console.entry where place > ",
    );
    query.push_bind(after);
    let given = |text: &str| Some(text.trim().replace('\0', "")).filter(|text| !text.is_empty());
    if let Some(part) = given(&filter.event_type) {
        query.push(" and strpos(type, ").push_bind(part).push(") > 0");
    }
    if let Some(service) = given(&filter.service) {
        query.push(" and service = ").push_bind(service);
    }
    if let Some(kind) = given(&filter.kind) {
        query.push(" and kind = ").push_bind(kind);
    }
    if let Some(saga) = given(&filter.saga) {
        // No saga has a text that is no id.
        query.push(" and saga = ").push_bind(Uuid::try_parse(&saga).unwrap_or_default());
    }
    query.push(" order by place desc, member desc limit ").push_bind(MOST);
    let mut rows: Vec<EntryRow> = query.build_query_as().fetch_all(pool).await?;
    rows.reverse();
    Ok(rows)
}

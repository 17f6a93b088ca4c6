//! The audits that were run from the console.

use ballet_ops::audit::Report;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;

/// The most audits that are stored.
const KEPT: i64 = 100;

/// The findings of an audit, as they are stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AuditFindings {
    pub(crate) rows: usize,
    pub(crate) violations: Vec<String>,
    pub(crate) stuck: Vec<String>,
    pub(crate) open: Vec<String>,
    pub(crate) unseen: Vec<String>,
    pub(crate) away: Vec<String>,
}

impl From<Report> for AuditFindings {
    fn from(report: Report) -> Self {
        let Report { rows, violations, open, stuck, unseen, away, .. } = report;
        Self { rows, violations, stuck, open, unseen, away }
    }
}

/// An audit that was run.
#[derive(Debug, Clone)]
pub(crate) struct StoredAudit {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) who: String,
    pub(crate) took: SignedDuration,
    pub(crate) found: AuditFindings,
}

/// Stores the findings of an audit, and deletes the oldest ones.
pub(crate) async fn keep(
    pool: &PgPool,
    (at, who, took): (Timestamp, &str, SignedDuration),
    found: &AuditFindings,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with old as (delete from console.audit where id <= (select max(id) - $5 from console.audit)) \
         insert into console.audit (at, who, took_ms, found) values ($1, $2, $3, $4)",
    )
    .bind(at.to_sqlx())
    .bind(who)
    .bind(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
    .bind(Json(found))
    .bind(KEPT)
    .execute(pool)
    .await
    .map(drop)
}

/// Returns the audits, the last first.
pub(crate) async fn all(pool: &PgPool) -> Result<Vec<StoredAudit>, sqlx::Error> {
    type Columns = (i64, jiff_sqlx::Timestamp, String, i64, Json<AuditFindings>);
    let all = "select id, at, who, took_ms, found from console.audit order by id desc limit $1";
    let all: Vec<Columns> = sqlx::query_as(all).bind(KEPT).fetch_all(pool).await?;
    let audit = |(id, at, who, took, found): Columns| StoredAudit {
        id,
        at: at.to_jiff(),
        who,
        took: SignedDuration::from_millis(took),
        found: found.0,
    };
    Ok(all.into_iter().map(audit).collect())
}

//! The hanging sagas at each minute of the last hour. The state of a saga then does not follow from the journal alone.

use ballet_ops::sagas::Hindrance;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::store::counts::CauseGroup;
use crate::store::flow::minute;

/// The time for which minutes are stored.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_mins(60);

/// The hanging sagas of a minute, and the hindrances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) causes: Vec<CauseGroup>,
    pub(crate) hindrances: Vec<Hindrance>,
}

/// Stores the present once a minute. Of several consoles the first one does it.
pub(crate) async fn keep(
    pool: &PgPool,
    now: Timestamp,
    moment: &Moment,
) -> Result<(), sqlx::Error> {
    let floor = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    sqlx::query(
        "with old as (delete from console.moment where minute < $3) \
         insert into console.moment (minute, was) values ($1, $2) on conflict do nothing",
    )
    .bind(minute(now).to_sqlx())
    .bind(sqlx::types::Json(moment))
    .bind(minute(floor).to_sqlx())
    .execute(pool)
    .await
    .map(drop)
}

/// Returns the state at a minute, if a console ran then.
pub(crate) async fn at(pool: &PgPool, at: Timestamp) -> Result<Option<Moment>, sqlx::Error> {
    let was = "select was from console.moment where minute = $1";
    let was: Option<sqlx::types::Json<Moment>> =
        sqlx::query_scalar(was).bind(minute(at).to_sqlx()).fetch_optional(pool).await?;
    Ok(was.map(|was| was.0))
}

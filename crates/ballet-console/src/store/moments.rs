//! What hung at each minute of the last hour, as it was then: how a saga stood does not follow from the journal alone.

use ballet_ops::sagas::Hindrance;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::store::counts::CauseGroup;
use crate::store::flow::minute;

/// For how long the minutes are kept.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_mins(60);

/// What hung at a minute, and what hindered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) causes: Vec<CauseGroup>,
    pub(crate) hindrances: Vec<Hindrance>,
}

/// Keeps how it is now, once a minute, whoever of several consoles comes first.
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

/// How it was at a minute, if a console ran then.
pub(crate) async fn at(pool: &PgPool, at: Timestamp) -> Result<Option<Moment>, sqlx::Error> {
    let was = "select was from console.moment where minute = $1";
    let was: Option<sqlx::types::Json<Moment>> =
        sqlx::query_scalar(was).bind(minute(at).to_sqlx()).fetch_optional(pool).await?;
    Ok(was.map(|was| was.0))
}

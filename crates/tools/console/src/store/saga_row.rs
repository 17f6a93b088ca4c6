//! Sagas in lists, and the SQL of their states.

use ballet_ops::sagas::SagaState;
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

/// The state of a row of `console.saga`, by the rule of [`SagaState::open`]. `$1` are the places with hindrances.
pub(crate) const STATE: &str = "case when ended is not null then ended \
    when is_dead then 'stuck' \
    when service = any($1) or service || '/' || step = any($1) then 'blocked' when due < now() then 'stuck' else 'waiting' end";

#[derive(Debug, Clone)]
pub(crate) struct SagaRow {
    pub(crate) id: Uuid,
    pub(crate) names: Vec<String>,
    pub(crate) state: SagaState,
    pub(crate) began: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) last_type: String,
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) detail: Option<String>,
}

impl FromRow<'_, PgRow> for SagaRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name: &str| {
            row.try_get::<jiff_sqlx::Timestamp, _>(name).map(jiff_sqlx::Timestamp::to_jiff)
        };
        let since: Option<jiff_sqlx::Timestamp> = row.try_get("since")?;
        Ok(Self {
            id: row.try_get("id")?,
            names: row.try_get("names")?,
            state: SagaState::parse(row.try_get("state")?).unwrap_or(SagaState::Waiting),
            began: time("began")?,
            last_at: time("last_at")?,
            last_type: row.try_get("last_type")?,
            service: row.try_get("service")?,
            step: row.try_get("step")?,
            what: row.try_get("what")?,
            since: since.map(jiff_sqlx::Timestamp::to_jiff),
            detail: row.try_get("detail")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Servers};
    use sqlx::{AssertSqlSafe, Connection, PgConnection};

    use super::*;

    #[tokio::test]
    async fn the_database_says_the_words_by_the_rule_of_the_command() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "console_words").await.expect("one");
        let mut db = PgConnection::connect(database.url()).await.expect("a session");
        let id = "0193f7a0-0000-7000-8000-000000000001";
        let statement = format!(
            "select {STATE} from (values ('{id}'::uuid, null::text, $2::boolean, 'stock', 'reserve', \
                 now() + $3 * interval '1 hour')) as saga (id, ended, is_dead, service, step, due)"
        );
        for (place, hinders) in [
            (None, false),
            (Some("stock"), true),
            (Some("stock/reserve"), true),
            (Some("stock/ship"), false),
        ] {
            for (is_dead, due) in [(false, 1), (false, -1), (true, 1), (true, -1)] {
                let word: String = sqlx::query_scalar(AssertSqlSafe(statement.clone()))
                    .bind(place.into_iter().collect::<Vec<_>>())
                    .bind(is_dead)
                    .bind(due)
                    .fetch_one(&mut db)
                    .await
                    .expect("a word");
                let rule = SagaState::open(is_dead, hinders, due < 0);
                assert_eq!(word, rule.as_str(), "{is_dead} {due} {place:?}");
            }
        }
    }
}

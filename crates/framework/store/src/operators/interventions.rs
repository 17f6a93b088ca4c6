//! The table of what persons have decided on single messages and calls: what was discarded, and
//! what became of a call. An audit and a search for missed events use it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::database::stored_text::storable;
use crate::inbox::messages::is_in_no_inbox;

/// An act of a person on a message or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Has it never handled, or never published.
    Discarded,
    /// Says what became of a call.
    Answered,
}

impl Act {
    /// The act as the table names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Answered => "answered",
        }
    }
}

/// An act, with its author and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedAct<'a> {
    /// The act.
    pub act: Act,
    /// The name of the person.
    pub name: &'a str,
    /// The reason, if one is given.
    pub why: Option<&'a str>,
}

/// A message that is discarded, or a call that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedMessage {
    /// Its id.
    pub message_id: Uuid,
    /// Its saga.
    pub saga_id: Option<Uuid>,
    /// Its type.
    pub event_type: Option<String>,
}

/// The record of an act of a person on a message or a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    /// When.
    pub at: Timestamp,
    /// [`Act::name`].
    pub act: String,
    /// The message, or the key of the call.
    pub message_id: Uuid,
    /// Its saga.
    pub saga_id: Option<Uuid>,
    /// Its type. A call has none.
    pub event_type: Option<String>,
    /// Who.
    pub by: String,
    /// Why, if that was said.
    pub why: Option<String>,
}

/// Notes what a person decides on messages.
pub async fn insert(
    db: &mut PgConnection,
    by: SignedAct<'_>,
    touched: &[TouchedMessage],
) -> Result<(), sqlx::Error> {
    let messages: Vec<Uuid> = touched.iter().map(|one| one.message_id).collect();
    let sagas: Vec<Option<Uuid>> = touched.iter().map(|one| one.saga_id).collect();
    // A type is what a publisher wrote. One that is refused takes all messages of the statement with it.
    let text = |one: &TouchedMessage| one.event_type.as_deref().map(storable);
    let types: Vec<Option<String>> = touched.iter().map(text).collect();
    sqlx::query(
        "insert into ballet.intervention (at, act, message_id, saga_id, event_type, done_by, why) \
         select ballet.now(), $1, message, saga, type, $2, $3 \
         from unnest($4::uuid[], $5::uuid[], $6::text[]) as touched (message, saga, type)",
    )
    .bind(by.act.name())
    .bind(by.name)
    .bind(by.why)
    .bind(messages)
    .bind(sagas)
    .bind(types)
    .execute(db)
    .await
    .map(drop)
}

/// Notes again the acts of persons from before the database was restored, except those it still
/// knows. A known act of an earlier time is another one, since the message came again in between.
/// The database's clock may be a minute behind the person's.
pub async fn insert_again(db: &mut PgConnection, all: &[Intervention]) -> Result<(), sqlx::Error> {
    let texts = |text: fn(&Intervention) -> Option<&str>| -> Vec<Option<String>> {
        all.iter().map(|one| text(one).map(storable)).collect()
    };
    let at: Vec<jiff_sqlx::Timestamp> = all.iter().map(|one| one.at.to_sqlx()).collect();
    let messages: Vec<Uuid> = all.iter().map(|one| one.message_id).collect();
    let sagas: Vec<Option<Uuid>> = all.iter().map(|one| one.saga_id).collect();
    sqlx::query(
        "insert into ballet.intervention (at, act, message_id, saga_id, event_type, done_by, why) \
         select at, act, message, saga, type, name, why \
         from unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], \
             $7::text[]) as noted (at, act, message, saga, type, name, why) \
         where not exists (select from ballet.intervention i \
             where i.message_id = noted.message and i.act = noted.act \
                 and i.at > noted.at - interval '1 minute')",
    )
    .bind(at)
    .bind(texts(|one| Some(one.act.as_str())))
    .bind(messages)
    .bind(sagas)
    .bind(texts(|one| one.event_type.as_deref()))
    .bind(texts(|one| Some(one.by.as_str())))
    .bind(texts(|one| one.why.as_deref()))
    .execute(db)
    .await
    .map(drop)
}

/// Returns the interventions in the messages and calls of a saga, in the order of time.
pub async fn of_saga(db: &mut PgConnection, saga: Uuid) -> Result<Vec<Intervention>, sqlx::Error> {
    let of_saga = "select at, act, message_id, saga_id, event_type, done_by, why \
                   from ballet.intervention where saga_id = $1 order by at";
    read(db, sqlx::query_as(of_saga).bind(saga)).await
}

/// The events of sagas that a person has discarded, and that were not handled after all.
pub async fn discarded(db: &mut PgConnection) -> Result<Vec<Intervention>, sqlx::Error> {
    let discarded = format!(
        "select distinct on (saga_id, event_type) at, act, message_id, saga_id, event_type, done_by, why \
         from ballet.intervention gone where saga_id is not null and event_type is not null \
             and act = 'discarded' and {} order by saga_id, event_type, at desc",
        is_in_no_inbox("gone")
    );
    read(db, sqlx::query_as(AssertSqlSafe(discarded))).await
}

/// Returns those of these messages that a person has discarded.
pub async fn discarded_of(
    db: &mut PgConnection,
    messages: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let discarded = "select distinct message_id from ballet.intervention \
                     where message_id = any($1) and act = 'discarded'";
    sqlx::query_scalar(discarded).bind(messages).fetch_all(db).await
}

/// The calls whose outcome a person stated: the saga, the step, the person and the reason. A call
/// that was made again has the other side's outcome.
pub async fn answered(
    db: &mut PgConnection,
) -> Result<Vec<(Uuid, String, String, Option<String>)>, sqlx::Error> {
    let answered = "select c.saga_id, c.step, i.done_by, i.why from ballet.intervention i \
                    join ballet.call c on c.call_key = i.message_id \
                    where i.act = 'answered' and c.given is not null \
                    order by i.at";
    sqlx::query_as(answered).fetch_all(db).await
}

type Columns =
    (jiff_sqlx::Timestamp, String, Uuid, Option<Uuid>, Option<String>, String, Option<String>);
type Query<'q> = sqlx::query::QueryAs<'q, sqlx::Postgres, Columns, sqlx::postgres::PgArguments>;

async fn read(db: &mut PgConnection, query: Query<'_>) -> Result<Vec<Intervention>, sqlx::Error> {
    let rows = query.fetch_all(db).await?;
    let intervention = |(at, act, message_id, saga_id, event_type, by, why): Columns| {
        let at = at.to_jiff();
        Intervention { at, act, message_id, saga_id, event_type, by, why }
    };
    Ok(rows.into_iter().map(intervention).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn what_was_discarded_before_the_backup_and_again_since_is_noted_again_once() {
        let (_database, mut db) = migrated("discarded_again").await;
        let [message_id, saga_id] = [1, 2].map(Uuid::from_u128);
        let discarded_at = |at: &str| Intervention {
            at: at.parse().expect("a time"),
            act: Act::Discarded.name().to_owned(),
            message_id,
            saga_id: Some(saga_id),
            event_type: Some("trips.trip_booked.v1".to_owned()),
            by: "ada".to_owned(),
            why: None,
        };
        insert_again(&mut db, &[discarded_at("2026-01-01T10:00:00Z")]).await.expect("noted");
        let since = [discarded_at("2026-01-01T12:00:00Z")];
        for _ in 0..2 {
            insert_again(&mut db, &since).await.expect("noted");
        }
        assert_eq!(discarded(&mut db).await.expect("a list"), since);
        assert_eq!(of_saga(&mut db, saga_id).await.expect("a list").len(), 2);
        // It was handled after all.
        let handled = "insert into ballet.inbox_other (message_id, received_at) values ($1, now())";
        sqlx::query(handled).bind(message_id).execute(&mut db).await.expect("handled");
        assert_eq!(discarded(&mut db).await.expect("a list"), []);
    }
}

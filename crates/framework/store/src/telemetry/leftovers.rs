//! The messages that a reader of telemetry has missed or set aside.

use sqlx::PgConnection;

use crate::database::stored_text::storable;

/// The maximum number of messages that are kept aside for a reader.
pub const MOST_ASIDE: i64 = 10_000;

/// A message that a reader sets aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideMessage {
    pub offset: i64,
    /// A word for programs.
    pub reason: &'static str,
    pub detail: String,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// Notes what a reader has missed. `to` is the first offset that it has read again.
pub async fn missed(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    from: i64,
    to: Option<i64>,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into ballet.telemetry_missed values ($1, $2, $3, $4, $5, ballet.now())")
        .bind(reader)
        .bind(stream)
        .bind(from)
        .bind(to)
        .bind(reason)
        .execute(db)
        .await
        .map(drop)
}

/// Keeps messages that could not be read. The oldest of the reader go.
pub async fn set_aside(
    db: &mut PgConnection,
    reader: &str,
    stream: &str,
    messages: &[AsideMessage],
) -> Result<(), sqlx::Error> {
    for message in messages {
        sqlx::query(
            "insert into ballet.telemetry_aside values ($1, $2, $3, $4, $5, $6, ballet.now())",
        )
        .bind(reader)
        .bind(stream)
        .bind(message.offset)
        .bind(message.reason)
        // It may quote the message.
        .bind(storable(&message.detail))
        .bind(&message.body)
        .execute(&mut *db)
        .await?;
    }
    sqlx::query(
        "delete from ballet.telemetry_aside where reader = $1 and at < \
             (select at from ballet.telemetry_aside where reader = $1 \
              order by at desc offset $2 limit 1)",
    )
    .bind(reader)
    .bind(MOST_ASIDE)
    .execute(db)
    .await
    .map(drop)
}

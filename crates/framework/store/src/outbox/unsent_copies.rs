//! The table of unsent copies: dead letters and delayed messages that the broker did not take.

use ballet_amqp::headers::DEAD_AT;
use ballet_amqp::{BasicProperties, FieldTable, Publish};
use ballet_core::MessageId;
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use uuid::Uuid;

/// The time to the next attempt, after the broker did not take a copy.
const PAUSE: &str = "10 seconds";
/// The longest time to the next attempt, for a copy that the broker refuses for what it is.
const LONGEST_PAUSE: &str = "1 hour";
/// How long a process that tries to publish a copy has it to itself. Two attempts are shorter.
const LEASE: &str = "60 seconds";

/// A copy that the broker did not take, and that is tried again.
#[derive(Debug)]
pub struct UnsentCopy {
    pub id: Uuid,
    pub copy: Publish,
}

/// Id, exchange, routing key, properties and body.
type UnsentRow = (Uuid, String, String, Vec<u8>, Vec<u8>);

/// The properties as they are stored, and the id of the copy.
#[derive(Debug)]
pub struct EncodedProperties {
    id: Uuid,
    properties: Vec<u8>,
}

impl EncodedProperties {
    /// # Errors
    ///
    /// Properties that JSON cannot hold, which do not come from a broker.
    pub fn new(copy: &Publish) -> Result<Self, serde_json::Error> {
        let mut same = FieldTable::default();
        for (name, value) in copy.properties.headers().iter().flat_map(FieldTable::inner) {
            if name.as_str() != DEAD_AT {
                same.insert(name.clone(), value.clone());
            }
        }
        let same = serde_json::to_string(&copy.properties.clone().with_headers(same))?;
        let name = format!("{}\0{}\0{same}", copy.exchange, copy.routing_key);
        let id = MessageId::derived_from_content(&name, None, &copy.body).0;
        Ok(Self { id, properties: encode(&copy.properties)? })
    }
}

/// Returns properties as they are stored.
pub fn encode(properties: &BasicProperties) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(properties)
}

/// Stores a copy, once.
pub async fn insert(
    db: &mut PgConnection,
    copy: &Publish,
    encoded: &EncodedProperties,
    why: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.unsent_copy (copy_id, exchange, routing_key, properties, body, why, next_at) \
         values ($1, $2, $3, $4, $5, $6, now() + $7::interval) on conflict do nothing",
    )
    .bind(encoded.id)
    .bind(&copy.exchange)
    .bind(&copy.routing_key)
    .bind(&encoded.properties)
    .bind(&copy.body[..])
    .bind(why)
    .bind(PAUSE)
    .execute(db)
    .await
    .map(drop)
}

/// A copy that was not published.
#[derive(Debug)]
pub struct RefusedCopy {
    pub id: Uuid,
    /// The properties of the last attempt.
    pub properties: Vec<u8>,
    pub why: String,
    /// Whether the broker refuses the copy for what it is, and not for want of room.
    pub is_unpublishable: bool,
}

/// Takes some of the copies that are due, for one attempt, except those for the exchanges that take
/// none now.
pub async fn take(
    db: &mut PgConnection,
    count: i64,
    closed: &[String],
) -> Result<Vec<UnsentCopy>, sqlx::Error> {
    let take = "update ballet.unsent_copy set next_at = now() + $1::interval where copy_id in ( \
             select copy_id from ballet.unsent_copy where next_at <= now() \
             and exchange <> all($3) order by next_at limit $2 \
             for update skip locked) \
         returning copy_id, exchange, routing_key, properties, body";
    let take = sqlx::query_as(take).bind(LEASE).bind(count).bind(closed);
    let rows: Vec<UnsentRow> = take.fetch_all(db).await?;
    let unsent = rows.into_iter().filter_map(|(id, exchange, routing_key, properties, body)| {
        let read: Result<BasicProperties, _> = serde_json::from_slice(&properties);
        let properties = read
            .inspect_err(|error| {
                tracing::error!(%id, "an unsent copy cannot be read; its row stays: {error}");
            })
            .ok()?;
        let mandatory = true;
        let copy = Publish { exchange, routing_key, mandatory, properties, body: body.into() };
        Some(UnsentCopy { id, copy })
    });
    Ok(unsent.collect())
}

/// Forgets copies that the broker has confirmed.
pub async fn delete(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("delete from ballet.unsent_copy where copy_id = any($1)");
    delete.bind(ids).execute(db).await.map(drop)
}

/// Notes why a copy was not published, and lets it be tried again: soon or, if it is refused for
/// what it is, after as long as it has waited.
pub async fn refuse(db: &mut PgConnection, refused: &RefusedCopy) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.unsent_copy set properties = $2, why = $3, next_at = now() + \
             greatest($4::interval, case when $5 then least(now() - since, $6::interval) end) \
         where copy_id = $1",
    )
    .bind(refused.id)
    .bind(&refused.properties)
    .bind(&refused.why)
    .bind(PAUSE)
    .bind(refused.is_unpublishable)
    .bind(LONGEST_PAUSE)
    .execute(db)
    .await
    .map(drop)
}

/// Lets copies that were not tried be tried soon.
pub async fn postpone(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    let postpone = "update ballet.unsent_copy set next_at = now() + $1::interval \
                    where copy_id = any($2)";
    sqlx::query(postpone).bind(PAUSE).bind(ids).execute(db).await.map(drop)
}

/// Returns the number of unsent copies.
pub async fn count(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let count = sqlx::query_scalar("select count(*) from ballet.unsent_copy");
    count.fetch_one(db).await
}

/// Shows each unsent copy: exchange, routing key, properties as they are stored, and body.
pub async fn each(
    db: &mut PgConnection,
    mut each: impl FnMut(String, String, Vec<u8>, Vec<u8>),
) -> Result<(), sqlx::Error> {
    let all = "select exchange, routing_key, properties, body from ballet.unsent_copy";
    let mut copies = sqlx::query_as(all).fetch(db);
    while let Some((exchange, routing_key, properties, body)) = copies.try_next().await? {
        each(exchange, routing_key, properties, body);
    }
    Ok(())
}

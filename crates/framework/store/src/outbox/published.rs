//! The events that a service's database still has as published, in its ledger and its outbox
//! tables. They can be sent again although the broker has lost them.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::outbox::batches::{BODY, MARK};
use crate::outbox::left_behind::{StoredEvent, read};
use crate::schema::partitions::bound;

/// Selects events.
#[derive(Debug, Clone, Copy)]
pub struct PublishedFilter<'a> {
    /// The time in which they were recorded.
    pub period: (Timestamp, Timestamp),
    /// Only those with these ids, and with their bodies.
    pub ids: Option<&'a [Uuid]>,
    /// Only so many, the newest of sagas that began in the day before.
    pub newest: Option<i64>,
}

/// Returns the events that are selected, in any order and some of them twice. Those that wait,
/// cannot be published, or were discarded are not among them.
pub fn events<'db>(
    db: &'db mut PgConnection,
    filter: PublishedFilter<'_>,
) -> BoxStream<'db, Result<StoredEvent, sqlx::Error>> {
    let PublishedFilter { period: (since, until), ids, newest } = filter;
    let day_before = until - SignedDuration::from_hours(24);
    let oldest = newest.map_or(Uuid::nil(), |_| bound(day_before.as_second()));
    // Partitions of later sagas are not read, since their events are later, too. Clocks may differ
    // by minutes.
    let latest = newest.map_or(Uuid::max(), |_| bound(until.as_second() + 600));
    let order =
        newest.map_or_else(String::new, |count| format!("order by recorded_at desc limit {count}"));
    let statement = format!(
        "with kept as materialized (select * from ballet.outbox()), \
         unpublished as (select message_id from kept join (select owner, batch from kept \
             group by owner, batch having min(position) > {MARK}) as open using (owner, batch) \
             union all select message_id from ballet.outbox_dead \
             union all select message_id from ballet.intervention where act = 'discarded'), \
         told as (select emitted_id, event_type, saga_id, message_id, body, recorded_at from \
             (select * from ballet.ledger where saga_id between $4 and $5 \
             union all select * from ballet.ledger_other) as row where emitted_id is not null \
             union all select message_id, event_type, saga_id, causation_id, {BODY}, created_at \
             from kept o where position > {MARK}) \
         select 0, emitted_id, event_type, saga_id, message_id, null::text, \
             case when $3::uuid[] is null then 'null' else body end, recorded_at from told \
         where recorded_at between $1 and $2 and ($3 is null or emitted_id = any($3)) \
             and not exists (select from unpublished u where u.message_id = emitted_id) {order}"
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(since.to_sqlx())
        .bind(until.to_sqlx())
        .bind(ids.map(<[Uuid]>::to_vec))
        .bind(oldest)
        .bind(latest)
        .fetch(db)
        // A row that somebody has spoilt by hand is no event.
        .try_filter_map(async |row| Ok(read(&row)?.ok()))
        .boxed()
}

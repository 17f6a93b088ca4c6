//! Reads the outcome of a run: from the database, from the broker, and from its calls.

use std::collections::HashSet;

use ballet::core::topology::{EVENTS, RETRIES, UNROUTED, dead_queue};
use ballet_amqp::{Publish, ShortString, pack};
use ballet_store::calls::open;
use ballet_store::ledger::recorded_rows;
use sqlx::AssertSqlSafe;

use crate::matrix::cell::names;
use crate::suite::rig::check_result::CheckResult;
use crate::suite::rig::snapshot::{RunSnapshot, same};
use crate::suite::rig::world::{ServiceWorld, message_id};

/// The service's tables, each with a query. Times and numbers from a sequence differ in each run.
const TABLES: &str = r"
    select relname::text,
        format('select %s from %I', coalesce(string_agg(format('%I', attname), ', ' order by attnum), 'true'), relname)
    from pg_class left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        and attidentity = '' and format_type(atttypid, null) not like 'time%'
        and not exists (select from pg_attrdef where adrelid = attrelid and adnum = attnum
            and pg_get_expr(adbin, adrelid) like 'nextval%')
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        and relname not like '\_%'
    group by relname";

pub(crate) async fn snapshot(world: &mut ServiceWorld<'_>) -> CheckResult<RunSnapshot> {
    let subject = world.rig.subject;
    let mut taken =
        RunSnapshot { events: events(world), astray: astray(world), ..RunSnapshot::default() };
    for (name, query) in &subject.effects {
        taken.effects.extend(rows(world, name, query).await?);
    }
    for (name, query) in &subject.records {
        taken.records.extend(rows(world, name, query).await?);
    }
    let listed = || subject.effects.iter().chain(&subject.records);
    let tables: Vec<(String, String)> = sqlx::query_as(TABLES).fetch_all(&mut world.db).await?;
    for (table, query) in tables {
        if !listed().any(|(_, query)| names(query, &table)) {
            taken.effects.extend(rows(world, &table, &query).await?);
        }
    }
    taken.ledger = recorded_rows::furthest(&mut world.db).await?;
    taken.calls = open::all_in_words(&mut world.db).await?;
    Ok(taken.named(&world.sagas))
}

/// Waits until no work is left.
pub(crate) async fn leaves(world: &mut ServiceWorld<'_>, expected: &RunSnapshot) -> CheckResult {
    world.until_idle().await?;
    same(&snapshot(world).await?, expected)
}

async fn rows(world: &mut ServiceWorld<'_>, name: &str, query: &str) -> CheckResult<Vec<String>> {
    let rows = lines(world, format!("select row::text from ({query}) as row")).await?;
    Ok(rows.into_iter().map(|row| format!("{name} {row}")).collect())
}

async fn lines(world: &mut ServiceWorld<'_>, query: String) -> CheckResult<Vec<String>> {
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut world.db).await?)
}

/// Returns each event once, without requests for copies, which come at any time and from no step.
fn events(world: &ServiceWorld<'_>) -> Vec<String> {
    let service = world.queue();
    let asks = |message: &Publish| {
        let copies = &world.rig.subject.part.copies;
        copies.iter().filter_map(|copy| copy.request).any(|of| of.name() == message.routing_key)
    };
    let mut known = HashSet::new();
    let own = |message: &Publish| {
        let (by, ours) = (message.properties.app_id(), message.properties.reply_to());
        let by = by.as_ref().map(ToString::to_string);
        message.exchange == EVENTS
            && by.as_deref() == Some(service)
            && ours.is_none()
            && !asks(message)
    };
    let alone = |message: Publish| match pack::apart(&message) {
        members if members.is_empty() => vec![message],
        members => members,
    };
    let published = world.broker.taken().into_iter().flat_map(alone).filter(own);
    published.filter(|message| known.insert(message_id(message))).map(|one| line(&one)).collect()
}

/// Returns messages in a retry queue, among the dead letters, or in no queue of a service.
fn astray(world: &ServiceWorld<'_>) -> Vec<String> {
    let mut astray = Vec::new();
    let dead = dead_queue(world.queue());
    let others = RETRIES.iter().map(|(name, _)| *name).chain([UNROUTED, dead.as_str()]);
    for queue in others {
        let messages = world.broker.ready(queue);
        astray.extend(messages.iter().map(|message| format!("{queue}: {}", line(message))));
    }
    astray
}

fn line(message: &Publish) -> String {
    let text = |property: &Option<ShortString>| {
        property.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let (saga, kind) = (message.properties.correlation_id(), message.properties.kind());
    format!("{} {} {}", text(saga), text(kind), String::from_utf8_lossy(&message.body))
}

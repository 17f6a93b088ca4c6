//! Publishes again all entities that this service shares, when a reader asks: page by page, at a
//! rate, and from where the last page ended.
//!
//! A page and its place in the run commit together, so another process goes on with the run of one
//! that dies. Changes go on meanwhile, since a reader keeps the newest version. An entity that no
//! event can hold is left out and named. If there are no others, the run waits until that is
//! repaired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_store::copies::entity_row::EntityRow;
use ballet_store::copies::republications;
use ballet_store::copies::republications::RepublicationRun;
use ballet_store::copies::source::{EntityPage, Source};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::declare::erased::entities::{PageEvents, Portion};
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::participant::copies::ShareEntry;
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::stopping::waited;
use crate::engine::transaction::Transaction;
use crate::upkeep::failure_log;

/// The longest time between two looks at the requests. Those that come meanwhile share a run.
const EVERY: Duration = Duration::from_secs(1);
/// The pause while another replica has the run, or the broker has to catch up.
const SOON: Duration = Duration::from_millis(100);
/// The pause after a page that could not be published.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// The maximum number of entities of one transaction.
const PORTION: usize = 500;
/// The maximum size of their states in bytes, in memory as rows, pages and events.
const PORTION_BYTES: usize = 8 * 1024 * 1024;

/// Publishes the shared entities when they are asked for, all replicas together at most `rate`
/// entities per second.
pub(crate) async fn run(engine: Arc<Engine>, shares: Vec<ShareEntry>, rate: u32) {
    let mut stopping = engine.stopping.clone();
    let mut sources = HashMap::new();
    loop {
        let published = publish_due(&engine, &shares, &mut sources, rate);
        let pause = match published.await {
            Ok(pause) => pause,
            Err(failure) => {
                let what = "shared entities cannot be published; trying again";
                failure_log::waits_for(&engine.database, what, &failure);
                EVERY
            }
        };
        if !waited(&mut stopping, pause).await {
            return;
        }
    }
}

/// Returns the time until the next portion.
async fn publish_due(
    engine: &Arc<Engine>,
    shares: &[ShareEntry],
    sources: &mut HashMap<&'static str, Source>,
    rate: u32,
) -> Result<Duration, Failure> {
    let names: Vec<&str> = shares.iter().map(|share| share.part.entity).collect();
    let next = engine.database.ask(async |db| republications::next(db, &names).await).await?;
    let Some((entity, wait)) = next else { return Ok(EVERY) };
    if !wait.is_zero() {
        return Ok(wait.min(EVERY));
    }
    if engine.relay.publisher().is_some_and(|publisher| !publisher.has_room()) {
        return Ok(SOON);
    }
    let Some(share) = shares.iter().find(|share| share.part.entity == entity) else {
        return Ok(EVERY);
    };
    let failure = match Box::pin(guarded(publish_portion(engine, share, sources, rate))).await {
        Ok(has_published) => return Ok(if has_published { Duration::ZERO } else { SOON }),
        Err(failure) if failure.kind() == FailureKind::ConnectionLost => return Err(failure),
        Err(failure) => failure,
    };
    sources.remove(share.part.entity);
    let (upkeep, why, pause) = (&engine.database.upkeep, failure.to_string(), AFTER_FAILURE);
    tracing::error!("{entity} cannot be published anew; trying again in {pause:?}: {why}");
    answered(republications::failed(upkeep, &entity, &why, pause)).await?;
    Ok(EVERY)
}

/// Returns false if another replica has the run.
async fn publish_portion(
    engine: &Arc<Engine>,
    share: &ShareEntry,
    sources: &mut HashMap<&'static str, Source>,
    rate: u32,
) -> Result<bool, Failure> {
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    let taken = answered(republications::take(transaction.db(), share.part.entity)).await?;
    let Some(taken) = taken else { return Ok(false) };
    let mut run = begin_run(taken, || engine.time.clock.new_id(transaction.scope.now));
    let Some(id) = run.run else { return Ok(false) };
    let source = source(transaction.db(), share, sources).await?;
    let after = run.position.as_deref();
    let page = source.page(transaction.db(), after, PORTION, PORTION_BYTES);
    let EntityPage { rows, is_last } = answered(page).await?;
    let read = rows.len();
    if let Some((last, ..)) = rows.last() {
        run.position = Some(last.clone());
    }
    let rows = rows.into_iter().map(|(id, version, state)| EntityRow { id, version, state });
    let rows: Vec<_> = rows.collect();
    let stated = rows.iter().filter(|row| row.state.is_some()).count();
    let portion = Portion { run: id, before: run.pages, rows, are_last: is_last };
    let PageEvents { events, left_out } = (share.pages)(portion, engine.limits.max_body)?;
    // The first of them is enough to begin with.
    run.left_out = run.left_out.or_else(|| left_out.first().cloned());
    // A few big ones say nothing of the others, unless there are no others.
    let is_typical = run.pages == 0 && (is_last || read == PORTION);
    if let Some(why) = run.left_out.as_ref().filter(|_| is_typical && left_out.len() == stated) {
        // That is the view's fault, and no entity's. A reader would think that there are none.
        return Err(Failure::permanent(why.clone()));
    }
    run.pages += i64::try_from(events.len()).unwrap_or(i64::MAX);
    run.entities += i64::try_from(read).unwrap_or(i64::MAX);
    if is_last {
        run.done = run.begun;
    }
    for page in events {
        transaction.scope.emit(page);
    }
    let pause = Duration::from_secs_f64(
        f64::from(u32::try_from(read).unwrap_or(u32::MAX)) / f64::from(rate.max(1)),
    );
    answered(republications::advance(transaction.db(), &run, pause)).await?;
    commit(transaction, &[]).await?;
    for why in &left_out {
        tracing::error!("{} is not published anew as a whole: {why}", share.part.entity);
    }
    if is_last {
        let (entity, entities) = (share.part.entity, run.entities);
        tracing::info!(entities, "all entities named {entity} are published anew");
    }
    Ok(true)
}

/// The run that goes on, or a new one. One without a published page serves also those who asked
/// since it began.
fn begin_run(taken: RepublicationRun, new_id: impl FnOnce() -> Uuid) -> RepublicationRun {
    let goes_on = taken.begun > taken.done && taken.run.is_some();
    match (goes_on, &taken.position) {
        (true, Some(_)) => taken,
        (true, None) => RepublicationRun { begun: taken.requested, ..taken },
        (false, _) => RepublicationRun {
            begun: taken.requested,
            run: Some(above(taken.run, new_id())),
            position: None,
            pages: 0,
            entities: 0,
            left_out: None,
            ..taken
        },
    }
}

/// The id of a run that comes after the last one. Readers go by the order of the ids, and this
/// replica's clock may be behind the one that drew the last.
fn above(last: Option<Uuid>, drawn: Uuid) -> Uuid {
    match last {
        Some(last) if drawn <= last => Uuid::from_u128(last.as_u128().saturating_add(1)),
        Some(_) | None => drawn,
    }
}

async fn source<'a>(
    db: &mut PgConnection,
    share: &ShareEntry,
    sources: &'a mut HashMap<&'static str, Source>,
) -> Result<&'a mut Source, Failure> {
    let entity = share.part.entity;
    if !sources.contains_key(entity) {
        sources.insert(entity, answered(Source::open(db, share.part.view)).await?);
    }
    sources.get_mut(entity).ok_or_else(|| Failure::transient("the source is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_begins_is_above_the_last_one_whatever_the_clock_says() {
        let id = Uuid::from_u128;
        let begun_after = |last: Option<Uuid>, drawn: Uuid| {
            let ended = RepublicationRun {
                entity: "lamp".to_owned(),
                requested: 2,
                begun: 1,
                done: 1,
                run: last,
                position: Some("hall".to_owned()),
                pages: 1,
                entities: 9,
                left_out: None,
            };
            begin_run(ended, || drawn).run
        };
        assert_eq!(begun_after(None, id(3)), Some(id(3)));
        assert_eq!(begun_after(Some(id(7)), id(9)), Some(id(9)));
        for too_early in [3, 7] {
            assert_eq!(begun_after(Some(id(7)), id(too_early)), Some(id(8)));
        }
    }
}

//! Begins the turns of this process's outbox tables, and empties the tables whose turn is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_core::fault::{self, FaultPoint};
use ballet_store::database::connection::patient;
use ballet_store::outbox::tables as outbox_tables;
use ballet_store::outbox::tables::EmptyingResult;
use sqlx::PgConnection;

use crate::declare::handler::database_wait::{answered, patiently};
use crate::declare::handler::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::upkeep::failure_log;

const TICK: Duration = Duration::from_millis(500);
const EMPTY_EVERY: Duration = Duration::from_secs(2);
/// The number of empty tables that a process keeps for its next turns.
const SPARE: usize = 3;

pub(crate) async fn keep(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    let mut keeper = TurnKeeper { engine, spare: Vec::new() };
    let mut emptied = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = keeper.engine.relay.turns.filled.notified() => {}
            () = stopped(&mut stopping) => return,
        }
        let relay = &keeper.engine.relay;
        let (_, unpublished_since) = relay.unpublished();
        if relay.turns.is_over(keeper.engine.time.clock.now(), unpublished_since)
            && let Err(failure) = keeper.next_turn().await
        {
            failure_log::waits(
                &keeper.engine.database,
                "no other outbox table can be had, so this one is used on",
                &failure,
            );
            tokio::time::sleep(EMPTY_EVERY).await;
        }
        if emptied.elapsed() >= EMPTY_EVERY {
            emptied = Instant::now();
            if let Err(failure) = keeper.empty().await {
                let what = "the outbox tables cannot be emptied; trying again";
                failure_log::waits(&keeper.engine.database, what, &failure);
            }
            keeper.measure();
        }
    }
}

struct TurnKeeper {
    engine: Arc<Engine>,
    spare: Vec<i16>,
}

impl TurnKeeper {
    async fn next_turn(&mut self) -> Result<(), Failure> {
        let (relay, clock) = (&self.engine.relay, &self.engine.time.clock);
        let next = match self.spare.pop() {
            Some(spare) => spare,
            None => {
                let database = &self.engine.database;
                database.ask(async |db| outbox_tables::take(db, relay.process).await).await?
            }
        };
        relay.turns.begin(next, clock.now());
        Ok(())
    }

    /// Empties the tables whose events are all published. A table that somebody reads is tried
    /// again.
    async fn empty(&mut self) -> Result<(), Failure> {
        let engine = Arc::clone(&self.engine);
        let relay = &engine.relay;
        let mut db = answered(engine.database.upkeep.acquire()).await?;
        let tables = answered(outbox_tables::list(&mut db)).await?;
        let mine = |number: i16| {
            tables.iter().any(|t| t.number == number && t.owner == Some(relay.process))
        };
        self.spare.retain(|spare| mine(*spare));
        for table in &tables {
            let number = table.number;
            if !mine(number)
                || self.spare.contains(&number)
                || !relay.turns.may_be_emptied(number)
                || !relay.live_of_table(number).is_empty()
            {
                continue;
            }
            match truncate(&mut db, number).await {
                Ok(EmptyingResult::Yes | EmptyingResult::Already) if self.spare.len() < SPARE => {
                    self.spare.push(number);
                }
                Ok(EmptyingResult::Yes | EmptyingResult::Already) => {
                    answered(outbox_tables::release(&mut db, number, relay.process)).await?;
                }
                Ok(EmptyingResult::Unmarked) => relay.turns.note_left(number, 0, None),
                Err(failure) => {
                    tracing::debug!(
                        table = number,
                        "an outbox table is not emptied yet: {failure}"
                    );
                }
            }
        }
        let current = relay.turns.current();
        // Another process took it, while this one seemed to be dead; or wrote to it, after it had seemed to be dead.
        if !mine(current)
            || (relay.turns.is_idle(engine.time.clock.now()) && holds_rows(&mut db, current).await)
        {
            self.next_turn().await?;
        }
        Ok(())
    }

    fn measure(&self) {
        let (events, oldest) = self.engine.relay.unpublished();
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("ballet_outbox_unpublished").set(events as f64);
        let now = self.engine.time.clock.now();
        let age = oldest.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        metrics::gauge!("ballet_outbox_oldest_seconds").set(age);
    }
}

/// Whether a table holds rows, if it can be asked.
async fn holds_rows(db: &mut PgConnection, table: i16) -> bool {
    answered(outbox_tables::is_empty(db, table)).await.is_ok_and(|is_empty| !is_empty)
}

async fn truncate(db: &mut PgConnection, table: i16) -> Result<EmptyingResult, Failure> {
    let mut transaction = patient(db).await?;
    let emptied = patiently(outbox_tables::truncate(&mut transaction, table)).await?;
    if emptied == EmptyingResult::Yes {
        fault::point(FaultPoint::BeforeTables, "truncate");
        answered(transaction.commit()).await?;
        fault::point(FaultPoint::AfterTables, "truncate");
        metrics::counter!("ballet_outbox_truncations_total").increment(1);
    }
    Ok(emptied)
}

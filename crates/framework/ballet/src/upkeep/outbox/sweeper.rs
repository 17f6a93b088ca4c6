//! The sweeper: decides which outbox tables to look at, and takes over those of dead processes.
//!
//! A process knows what of its own tables is published, so it looks at one only when something is
//! left behind, after its turn, and now and then until it is empty. It also looks at the tables of
//! the release before, which all its replicas write to, as long as they hold rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_amqp::jittered;
use ballet_store::outbox::left_behind;
use ballet_store::outbox::tables as outbox_tables;
use sqlx::PgConnection;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::engine::Engine;
use crate::engine::stopping::waited;
use crate::outgoing::turns::LeftoverEvents;
use crate::upkeep::failure_log;
use crate::upkeep::outbox::drain::{DrainResult, drain, read_back};
use crate::upkeep::outbox::other_processes::OtherProcesses;

const EVERY: Duration = Duration::from_secs(2);
/// The longest pause between two looks at a table that holds rows.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Looks at one table take no more than this share of the time.
const SHARE: u32 = 20;
/// How long a table cannot be taken over until the log says so.
const DENIED: Duration = Duration::from_secs(30);

pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    let mut sweeper =
        Sweeper { engine, looks: HashMap::new(), firsts: HashMap::new(), denied: HashMap::new() };
    // Services that start together would otherwise sweep one database server at the same moments.
    let mut pause = jittered(EVERY);
    loop {
        if let Err(failure) = sweeper.sweep().await {
            let database = &sweeper.engine.database;
            failure_log::waits_for(database, "a sweep failed; trying again", &failure);
        }
        if !waited(&mut stopping, pause).await {
            return;
        }
        pause = EVERY;
    }
}

struct Sweeper {
    engine: Arc<Engine>,
    /// The tables that were looked at and hold rows, as far as it is known.
    looks: HashMap<i16, LookSchedule>,
    /// The first batch of each table that was to be looked at.
    firsts: HashMap<i16, Option<(i64, i64)>>,
    /// Since when another session holds the row of each table to be taken over. `None` once the log
    /// has said so.
    denied: HashMap<i16, Option<Instant>>,
}

#[derive(Debug, Clone, Copy)]
struct LookSchedule {
    next: Instant,
    pause: Duration,
    note: Option<u64>,
}

impl Sweeper {
    /// Looks at the tables that are due. An error in one table leaves the others alone.
    async fn sweep(&mut self) -> Result<(), Failure> {
        let mut result = read_back(&self.engine).await;
        let mut others = OtherProcesses::default();
        let mut tables = self.tables(&mut others).await?;
        self.looks.retain(|table, _| tables.contains(table));
        self.firsts.retain(|table, _| tables.contains(table));
        let has_room = self.engine.relay.publisher().is_some_and(|publisher| publisher.has_room());
        let left = self.engine.relay.turns.left();
        // Events that are left behind wait for room. The other tables are looked at to be emptied.
        tables.retain(|table| {
            let noted = left.get(table);
            (has_room || noted.is_none()) && self.is_due(*table, noted)
        });
        // Nothing is to be done in them until somebody repairs the broker.
        let held = self.engine.relay.held.tables();
        for table in self.in_order(tables).await? {
            match drain(&self.engine, table, &mut others).await {
                Ok(DrainResult::Done { took, settled }) => {
                    let is_quiet = settled || held.contains(&table);
                    self.schedule(table, left.get(&table), took, is_quiet);
                }
                Ok(DrainResult::NoRoom) => break,
                Err(failure) => {
                    self.schedule(table, left.get(&table), EVERY, true);
                    if failure.kind() == FailureKind::ConnectionLost {
                        result = Err(failure);
                    } else {
                        tracing::warn!(
                            table,
                            "what is left in an outbox table is not known: {failure}"
                        );
                    }
                }
            }
        }
        result
    }

    /// Returns the tables that this process is to look at, and takes over those of dead processes.
    async fn tables(&mut self, others: &mut OtherProcesses) -> Result<Vec<i16>, Failure> {
        let relay = &self.engine.relay;
        let mut db = answered(self.engine.database.upkeep.acquire()).await?;
        // Also tables that it has lost to another, while it seemed to be dead.
        let left = relay.turns.left();
        let mut tables: Vec<i16> = left.keys().copied().collect();
        let mut all = answered(outbox_tables::list(&mut db)).await?;
        all.retain(|table| !left.contains_key(&table.number));
        let free = all.iter().filter(|table| table.owner.is_none()).map(|table| table.number);
        let with_rows = with_rows(&mut db, free.collect()).await;
        let mut is_held = false;
        for table in all {
            let number = table.number;
            let is_left = match table.owner {
                Some(owner) if owner == relay.process => {
                    if number != relay.turns.current() {
                        tables.push(number);
                    }
                    false
                }
                Some(owner) => others.is_gone(&mut db, owner).await?,
                None => with_rows.contains(&number),
            };
            if !is_left {
                self.denied.remove(&number);
                continue;
            }
            // A lock on the list is one on the list for each table.
            if is_held {
                continue;
            }
            match answered(outbox_tables::take_over(&mut db, table, relay.process)).await {
                Ok(true) => {
                    self.denied.remove(&number);
                    relay.turns.note_left(number, 0, None);
                    tables.push(number);
                }
                Ok(false) => {
                    let since = self.denied.entry(number).or_insert_with(|| Some(Instant::now()));
                    if since.take_if(|since| since.elapsed() > DENIED).is_some() {
                        tracing::warn!(
                            table = number,
                            "the events that a process has left cannot be taken over: another session \
                             holds a row of ballet.outbox_table"
                        );
                    }
                }
                // The tables that are taken over already are looked at all the same.
                Err(failure) => {
                    tracing::warn!(
                        table = number,
                        "an outbox table cannot be taken over: {failure}"
                    );
                    is_held = true;
                }
            }
        }
        Ok(tables)
    }

    /// A look reads a whole table, so a table is looked at again only when more was left behind, or
    /// when what the last look found is published.
    fn is_due(&self, table: i16, noted: Option<&LeftoverEvents>) -> bool {
        let Some(look) = self.looks.get(&table) else { return true };
        (noted.is_some() && noted.map(|left| left.note) != look.note)
            || (look.next <= Instant::now() && !self.engine.relay.is_under_way(table))
    }

    /// A quiet table that cannot be emptied is looked at more and more seldom, since a commit that
    /// came late may still bring something.
    fn schedule(
        &mut self,
        table: i16,
        noted: Option<&LeftoverEvents>,
        took: Duration,
        is_quiet: bool,
    ) {
        let note = noted.map(|left| left.note);
        let before = self.looks.get(&table).filter(|_| is_quiet);
        let pause = before.map_or(EVERY, |look| LONGEST_PAUSE.min(look.pause * 2));
        let next = Instant::now() + pause.max(took * SHARE);
        self.looks.insert(table, LookSchedule { next, pause, note });
    }

    async fn in_order(&mut self, mut tables: Vec<i16>) -> Result<Vec<i16>, Failure> {
        if tables.len() < 2 {
            return Ok(tables);
        }
        let mut db = answered(self.engine.database.upkeep.acquire()).await?;
        for table in &tables {
            if let Entry::Vacant(unknown) = self.firsts.entry(*table) {
                // Its place is of no account if it cannot be read.
                let first = answered(left_behind::first(&mut db, *table)).await;
                unknown.insert(first.unwrap_or_default());
            }
        }
        tables.sort_unstable_by_key(|table| (self.firsts.get(table).copied().flatten(), *table));
        Ok(tables)
    }
}

/// Returns those of the tables that hold rows. There may be hundreds after an outage, so one
/// statement asks about all. If somebody holds one of them, each is asked about alone.
async fn with_rows(db: &mut PgConnection, tables: Vec<i16>) -> Vec<i16> {
    if let Ok(with_rows) = answered(outbox_tables::with_rows(db, &tables)).await {
        return with_rows;
    }
    let mut with_rows = Vec::new();
    for table in tables {
        match answered(outbox_tables::with_rows(db, &[table])).await {
            Ok(found) => with_rows.extend(found),
            Err(failure) => {
                tracing::warn!(table, "an outbox table cannot be looked at: {failure}");
            }
        }
    }
    with_rows
}

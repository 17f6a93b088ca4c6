//! Shares the streams of a reader fairly among the replicas, by leases in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Broker;
use ballet_store::database::connection::be_patient;
use ballet_store::telemetry::places;
use ballet_store::telemetry::places::{HeldStream, LEASE};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use crate::declare::handler::database_wait::{answered, patiently};
use crate::declare::handler::failure::Failure;
use crate::declare::telemetry::AnyReader;
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::stopping::stopped;
use crate::engine::transaction::Transaction;
use crate::telemetry::reading::batch::offset_of;
use crate::telemetry::reading::ends::StreamEnds;
use crate::telemetry::reading::state::{ReaderStates, name_of};
use crate::telemetry::reading::stream::{ReadingEnd, StreamReader, pause_after};
use crate::telemetry::series;

/// How often it looks for streams that nobody reads, and for the ends of its own.
const EVERY: Duration = Duration::from_secs(2);

pub(crate) struct ReaderKeeper {
    pub(crate) engine: Arc<Engine>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) reader: Arc<dyn AnyReader>,
    pub(crate) states: Arc<ReaderStates>,
    pub(crate) most: u16,
}

struct KeptStream {
    release: watch::Sender<bool>,
}

struct KeeperState {
    streams: Vec<String>,
    kept: BTreeMap<String, KeptStream>,
    tasks: JoinSet<(String, ReadingEnd)>,
    /// Until when this process leaves the streams to others, since it cannot read.
    paused: Option<Instant>,
    failures: u32,
    /// The streams of other processes, each with the epoch and since when it is seen.
    others: BTreeMap<String, (i64, Instant)>,
    ends: StreamEnds,
}

impl ReaderKeeper {
    pub(crate) async fn run(self) {
        let reads = self.reader.reads();
        let streams = (0..reads.partition_count()).map(|n| reads.routing_key(n)).collect();
        let (kept, tasks) = (BTreeMap::new(), JoinSet::new());
        let (paused, failures, others) = (None, 0, BTreeMap::new());
        let ends = StreamEnds::default();
        let mut keeping = KeeperState { streams, kept, tasks, paused, failures, others, ends };
        let mut stopping = self.engine.stopping.clone();
        let mut every = interval(EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {
                    if let Err(failure) = self.share(&mut keeping).await {
                        self.states.fails(self.reader.name(), &failure.to_string());
                        tracing::debug!("{} cannot be shared: {failure}", self.reader.name());
                    } else {
                        self.states.works(self.reader.name());
                    }
                    self.look_at_ends(&mut keeping).await;
                    self.show_lags(&keeping.streams).await;
                }
                Some(left) = keeping.tasks.join_next() => Self::stream_ended(&mut keeping, left),
                () = stopped(&mut stopping) => break,
            }
        }
        // They see the same signal. Each gives its stream back.
        while keeping.tasks.join_next().await.is_some() {}
        let left = self
            .engine
            .database
            .ask(async |db| places::leave(db, self.reader.name(), self.engine.relay.process).await);
        if let Err(failure) = left.await {
            tracing::debug!("{} cannot say that it stops: {failure}", self.reader.name());
        }
    }

    fn stream_ended(
        keeping: &mut KeeperState,
        left: Result<(String, ReadingEnd), tokio::task::JoinError>,
    ) {
        match left {
            Ok((stream, left)) => {
                keeping.kept.remove(&stream);
                keeping.paused = pause_after(&left, keeping.failures);
                keeping.failures = keeping.paused.map_or(0, |_| keeping.failures + 1);
            }
            Err(error) => {
                // Its lease runs out. Nothing says which one it was, so all are taken again.
                tracing::error!("a reader of telemetry failed: {error}");
                keeping.kept.retain(|_, kept| !kept.release.is_closed());
            }
        }
    }

    /// Takes streams up to this process's fair share, and gives back what is more.
    async fn share(&self, keeping: &mut KeeperState) -> Result<(), Failure> {
        let (name, process) = (self.reader.name(), self.engine.relay.process);
        if keeping.paused.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        let shared = self.engine.database.ask(async |db| {
            places::register(db, name, &keeping.streams).await?;
            let replicas = places::present(db, name, process).await?;
            let wants_reset = places::asks_for_reset(db, name).await?;
            Ok((replicas, wants_reset, places::held_by_others(db, name, process).await?))
        });
        let (replicas, wants_reset, others) = shared.await?;
        self.leave_to(keeping, others);
        if wants_reset {
            let mut stopping = self.engine.stopping.clone();
            tokio::select! {
                reset = self.reset() => reset?,
                () = stopped(&mut stopping) => return Ok(()),
            }
        }
        let fair = keeping.streams.len().div_ceil(replicas);
        let held = keeping.kept.len();
        for kept in keeping.kept.values().skip(fair) {
            kept.release.send_replace(true);
        }
        if held >= fair {
            return Ok(());
        }
        // One that is put off is kept here, although its lease is given back.
        let free = |stream: &&String| !keeping.kept.contains_key(*stream);
        let free: Vec<String> = keeping.streams.iter().filter(free).cloned().collect();
        let taken = self
            .engine
            .database
            .ask(async |db| places::take(db, name, &free, process, fair - held).await);
        for held in taken.await? {
            self.begin(keeping, held);
        }
        Ok(())
    }

    /// Leaves streams to the processes that read them, each of which reports its own standstill. A
    /// process that fails at once as well keeps no stream.
    fn leave_to(&self, keeping: &mut KeeperState, others: Vec<(String, i64)>) {
        let before = std::mem::take(&mut keeping.others);
        for (stream, epoch) in others {
            let known = before.get(&stream).filter(|(known, _)| *known == epoch);
            let since = known.map_or_else(Instant::now, |(_, since)| *since);
            if since.elapsed() > LEASE {
                self.states.works(&name_of(self.reader.name(), &stream));
            }
            keeping.others.insert(stream, (epoch, since));
        }
    }

    fn begin(&self, keeping: &mut KeeperState, held: HeldStream) {
        let stream = held.stream.clone();
        let place = keeping.streams.iter().position(|one| *one == stream).unwrap_or_default();
        let (release, released) = watch::channel(false);
        let reading = StreamReader {
            engine: Arc::clone(&self.engine),
            broker: Arc::clone(&self.broker),
            reader: Arc::clone(&self.reader),
            states: Arc::clone(&self.states),
            held,
            partition: u16::try_from(place).unwrap_or_default(),
            most: self.most,
        };
        keeping.kept.insert(stream.clone(), KeptStream { release });
        keeping.tasks.spawn(async move { (stream, reading.run(released).await) });
    }

    /// Deletes the reader's rows and sets all its places to the beginning, in one transaction. A
    /// process with an older epoch writes nothing more. The transaction may take minutes.
    async fn reset(&self) -> Result<(), Failure> {
        let name = self.reader.name();
        let mut transaction = Transaction::begin(Arc::clone(&self.engine)).await?;
        match answered(places::reset_is_wanted(transaction.db(), name)).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Another process resets it now.
            Err(failure) if failure.is_lock_timeout() => return Ok(()),
            Err(failure) => return Err(failure),
        }
        answered(be_patient(transaction.db())).await?;
        transaction.enter(None, None, None);
        patiently(guarded(self.reader.reset(transaction.tx()))).await?;
        transaction.check_open()?;
        answered(places::reset(transaction.db(), name)).await?;
        commit(transaction, &[]).await?;
        tracing::info!("{name} begins anew: its rows are deleted");
        Ok(())
    }

    async fn look_at_ends(&self, keeping: &mut KeeperState) {
        if keeping.kept.is_empty() {
            return;
        }
        let name = self.reader.name();
        match timeout(LEASE, self.ends(keeping)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!("{name}: not all ends of its streams are known: {error}");
            }
            Err(_) => tracing::debug!("{name}: the ends of its streams are not known: no answer"),
        }
    }

    /// A stream whose end is not known, or whose row is locked, keeps no other one waiting.
    async fn ends(&self, keeping: &mut KeeperState) -> Result<(), Failure> {
        let name = self.reader.name();
        let (service, process) = (self.engine.registry.service, self.engine.relay.process);
        let connection = format!("{service} lag of {name} {process}");
        let streams: Vec<String> = keeping.kept.keys().cloned().collect();
        let found = keeping.ends.look(&*self.broker, &connection, &streams).await?;
        let mut failed = Ok(());
        for (stream, last) in streams.iter().zip(found) {
            let noted = async {
                let Some(last) = last?.as_ref().and_then(offset_of) else { return Ok(()) };
                let database = &self.engine.database;
                database.ask(async |db| places::ends_at(db, name, stream, last + 1).await).await
            };
            failed = failed.and(noted.await);
        }
        failed
    }

    /// Shows how far the reader is in each of its streams. Those of other processes count, too,
    /// since the gauge of a stream that this process has left would stay otherwise.
    async fn show_lags(&self, streams: &[String]) {
        let name = self.reader.name();
        let asked = self.engine.database.ask(async |db| places::lags(db, name, streams).await);
        match asked.await {
            Ok(lags) => lags.into_iter().for_each(|(stream, lag)| series::lag(name, stream, lag)),
            Err(failure) => tracing::debug!("{name}: its lag is not known: {failure}"),
        }
    }
}

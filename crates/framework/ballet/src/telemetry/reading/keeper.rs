//! Shares the streams of a reader among the replicas: each holds its fair share, by a lease in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, Session};
use ballet_core::topology::TELEMETRY;
use ballet_store::database::connection::be_patient;
use ballet_store::telemetry::places;
use ballet_store::telemetry::places::{HeldStream, LEASE};
use futures_util::future::join_all;
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
use crate::telemetry::reading::start::{LOOKS_AT_A_TIME, about_the_last};
use crate::telemetry::reading::state::{ReaderStates, name_of};
use crate::telemetry::reading::stream::{ReadingEnd, StreamReader, pause_after};
use crate::telemetry::series;

/// How often it looks for streams that nobody reads, and for the ends of its own.
const EVERY: Duration = Duration::from_secs(2);

/// Keeps one reader reading.
pub(crate) struct ReaderKeeper {
    pub(crate) engine: Arc<Engine>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) reader: Arc<dyn AnyReader>,
    pub(crate) states: Arc<ReaderStates>,
    pub(crate) most: u16,
}

/// A stream that this process reads.
struct KeptStream {
    release: watch::Sender<bool>,
}

struct KeeperState {
    streams: Vec<String>,
    kept: BTreeMap<String, KeptStream>,
    tasks: JoinSet<(String, ReadingEnd)>,
    /// Until when this process leaves the streams to others, as it cannot read.
    paused: Option<Instant>,
    failures: u32,
    /// The streams of other processes, each with the epoch and since when it is seen.
    others: BTreeMap<String, (i64, Instant)>,
    /// The session that looks for the ends of the streams.
    looks: Option<Arc<dyn Session>>,
}

impl ReaderKeeper {
    /// Reads until the service stops.
    pub(crate) async fn run(self) {
        let reads = self.reader.reads();
        let streams = (0..reads.partition_count()).map(|n| reads.routing_key(n)).collect();
        let (kept, tasks) = (BTreeMap::new(), JoinSet::new());
        let (paused, failures, others, looks) = (None, 0, BTreeMap::new(), None);
        let mut keeping = KeeperState { streams, kept, tasks, paused, failures, others, looks };
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
        let left = async {
            let mut db = self.engine.database.upkeep.acquire().await?;
            places::leave(&mut db, self.reader.name(), self.engine.relay.process).await
        };
        if let Err(failure) = answered(left).await {
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
                // Its lease runs out. Which one it was is not told, so all are taken anew.
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
        let shared = async {
            let mut db = self.engine.database.upkeep.acquire().await?;
            places::register(&mut db, name, &keeping.streams).await?;
            let replicas = places::present(&mut db, name, process).await?;
            let wants_reset = places::asks_for_reset(&mut db, name).await?;
            let others = places::held_by_others(&mut db, name, process).await?;
            Ok::<_, sqlx::Error>((replicas, wants_reset, others))
        };
        let (replicas, wants_reset, others) = answered(shared).await?;
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
        let taken = async {
            let mut db = self.engine.database.upkeep.acquire().await?;
            places::take(&mut db, name, &free, process, fair - held).await
        };
        for held in answered(taken).await? {
            self.begin(keeping, held);
        }
        Ok(())
    }

    /// Leaves streams to the processes that read them: each reports its own standstill. A process that fails at once as
    /// well keeps no stream.
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

    /// Deletes the reader's rows and sets all its places to the beginning, in one transaction. A process with an older
    /// epoch writes nothing more. The transaction may take minutes, because it deletes everything that was ever read.
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

    /// Notes where the streams that it holds end, for the lag.
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

    /// Takes the session, and gives it back if it still works. A stream that is not there leaves the others to be seen.
    async fn ends(
        &self,
        keeping: &mut KeeperState,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let name = self.reader.name();
        let KeeperState { kept, looks, .. } = keeping;
        let session = match looks.take() {
            Some(session) => session,
            None => {
                let (service, process) = (self.engine.registry.service, self.engine.relay.process);
                self.broker.connect(&format!("{service} lag of {name} {process}")).await?
            }
        };
        let connection = &*session;
        let streams: Vec<&String> = kept.keys().collect();
        let mut failed: Option<Box<dyn std::error::Error + Send + Sync>> = None;
        for some in streams.chunks(LOOKS_AT_A_TIME) {
            let found = some.iter().map(|stream| {
                let queue = format!("{TELEMETRY}.{stream}");
                async move { about_the_last(connection, &queue).await }
            });
            for (stream, last) in some.iter().zip(join_all(found).await) {
                let noted = async {
                    if let Some(last) = last?.as_ref().and_then(offset_of) {
                        let mut db = self.engine.database.upkeep.acquire().await?;
                        places::ends_at(&mut db, name, stream, last + 1).await?;
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                };
                // One whose row is locked keeps nobody else waiting.
                if let Err(error) = noted.await {
                    failed.get_or_insert(error);
                }
            }
        }
        if session.closed().borrow().is_none() {
            *looks = Some(session);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Shows how far the reader is in each of its streams, also in those that other processes read: otherwise the
    /// gauge of a stream that this process has left would stay. A stream of another release of the reader has no lag.
    async fn show_lags(&self, streams: &[String]) {
        let name = self.reader.name();
        let asked = async {
            let mut db = self.engine.database.upkeep.acquire().await?;
            places::lags(&mut db, name, streams).await
        };
        match answered(asked).await {
            Ok(lags) => lags.into_iter().for_each(|(stream, lag)| series::lag(name, stream, lag)),
            Err(failure) => tracing::debug!("{name}: its lag is not known: {failure}"),
        }
    }
}

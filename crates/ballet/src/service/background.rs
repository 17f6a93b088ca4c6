//! Starts what runs beside the lanes, and keeps the database and the broker in order.

use std::sync::Arc;

use ballet_amqp::{Broker, ConsumerHandle};
use ballet_core::Part;
use ballet_store::operators::paused::Paused;
use tokio::sync::watch;

use crate::declare::participant::copies::{CopyEntry, ShareEntry};
use crate::declare::telemetry::{AnyFollower, AnyReader};
use crate::engine::engine::Engine;
use crate::service::tasks::Tasks;
use crate::telemetry::reading::follow::Following;
use crate::telemetry::reading::follow_lag::{FollowLag, Followed};
use crate::telemetry::reading::keeper::ReaderKeeper;
use crate::telemetry::reading::state::{ReaderStates, all_are_followed, once_all_are_followed};
use crate::upkeep::broker::bindings::{Bindings, Compare};
use crate::upkeep::broker::declared_queues::{CompareQueues, DeclaredQueues};
use crate::upkeep::broker::queues::Queues;
use crate::upkeep::copies::keeper;
use crate::upkeep::copies::republish;
use crate::upkeep::database::clock;
use crate::upkeep::database::hindrances;
use crate::upkeep::database::partitions;
use crate::upkeep::database::pausing;
use crate::upkeep::outbox::marks;
use crate::upkeep::outbox::outbox::Outbox;
use crate::upkeep::outbox::sweeper;
use crate::upkeep::outbox::turns;
use crate::upkeep::outbox::unsent_copies;
use crate::upkeep::progress::Progress;
use crate::upkeep::sagas::by_hand;
use crate::upkeep::sagas::calls;
use crate::upkeep::sagas::deadlines;
use crate::upkeep::sagas::stuck_count;

/// The parts of a service that tasks beside the lanes look after.
pub(super) struct Beside {
    pub(super) engine: Arc<Engine>,
    pub(super) consumer: Arc<ConsumerHandle>,
    pub(super) paused: Option<Paused>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) part: Part,
    pub(super) shares: Vec<ShareEntry>,
    pub(super) copies: Vec<CopyEntry>,
    pub(super) readers: Vec<Arc<dyn AnyReader>>,
    pub(super) followers: Vec<Arc<dyn AnyFollower>>,
    /// The most messages of telemetry that are read in one transaction.
    pub(super) telemetry_batch: u16,
    /// How many entities are published anew in a second.
    pub(super) republish_rate: u32,
}

/// The states of these tasks, as readiness reads them.
pub(super) struct States {
    pub(super) paused: watch::Receiver<Option<Paused>>,
    pub(super) hindered: watch::Receiver<Option<String>>,
    pub(super) unpublishable: watch::Receiver<i64>,
    pub(super) bindings: watch::Receiver<Bindings>,
    pub(super) queues: watch::Receiver<DeclaredQueues>,
    /// None if there are no copies.
    pub(super) copies: Option<watch::Receiver<String>>,
    pub(super) progress: Progress,
    /// None if the service reads no telemetry.
    pub(super) readers: Option<Arc<ReaderStates>>,
}

impl Beside {
    /// Starts all of it.
    pub(super) fn spawn(self, work: &mut Tasks) -> States {
        let readers = self.spawn_readers(work);
        let Self { engine, consumer, paused, broker, part, shares, copies, republish_rate, .. } =
            self;
        let (database, relay) = (&engine.database, &engine.relay);
        let pool = || database.upkeep.clone();
        let stopping = || engine.stopping.clone();

        let (paused_told, paused) = watch::channel(paused);
        let followed = all_are_followed(readers.clone());
        let (checked, pauses) = (Arc::clone(database), Arc::clone(&consumer));
        let pausing = pausing::run(checked, pauses, paused_told, followed, stopping());
        work.spawn("the database check", pausing);
        let shared = Arc::clone(&engine.time.shared);
        work.spawn("the watch over the clock", clock::follow(pool(), shared, stopping()));
        let (hindered_told, hindered) = watch::channel(None);
        let (watched, relayed) = (Arc::clone(database), Arc::clone(relay));
        let watch = hindrances::watch(watched, relayed, hindered_told, stopping());
        work.spawn("the watch over the database's tables", watch);
        let keeper = partitions::PartitionKeeper {
            pool: pool(),
            limits: engine.limits,
            time: engine.time.clone(),
            stages: engine.registry.stages(),
        };
        work.spawn("the upkeep of partitions", partitions::keep(keeper, stopping()));
        let (count, unpublishable) = watch::channel(0);
        work.spawn("the count of stuck sagas", stuck_count::keep_count(pool(), count, stopping()));

        let outbox = Outbox::of(&engine);
        work.spawn("the sweeper", sweeper::run(outbox.clone()));
        work.spawn("the writer of marks", marks::flush_marks(outbox.clone()));
        work.spawn("the turns of the outbox", turns::keep(outbox));
        let unsent = unsent_copies::run(pool(), Arc::clone(relay), stopping());
        work.spawn("the sender of unsent copies", unsent);

        let calls = calls::run(Arc::clone(&engine));
        let calls = once_all_are_followed(readers.clone(), stopping(), calls);
        work.spawn("the worker for open calls", calls);
        work.spawn("the watch for calls left behind", calls::let_go(Arc::clone(&engine)));
        if engine.registry.with_deadline().next().is_some() {
            work.spawn("the deadline watch", deadlines::run(Arc::clone(&engine)));
        }
        if by_hand::is_needed(&engine.registry.sagas) {
            for _ in 0..by_hand::AT_A_TIME {
                let by_hand = by_hand::run(Arc::clone(&engine));
                let by_hand = once_all_are_followed(readers.clone(), stopping(), by_hand);
                work.spawn("what goes on with compensations that are left", by_hand);
            }
        }

        let (bindings_told, bindings) = watch::channel(Bindings::default());
        let (queues_told, declared_queues) = watch::channel(DeclaredQueues::default());
        let declared = CompareQueues::new(&part, queues_told);
        let compare = Compare::new(&part, broker, bindings_told, declared);
        let compare = compare.run(engine.time.clock.clone(), stopping());
        work.spawn("the comparison with the broker", compare);
        let queues = Queues::of(&engine, Arc::clone(&consumer));
        work.spawn("the watch over the queues", queues.clone().watch(stopping()));
        let handlers = &engine.handlers;
        let progress = Progress::new(consumer, Arc::clone(&handlers.last_work), handlers.time);
        work.spawn("the watch over progress", progress.clone().watch(stopping()));

        if !shares.is_empty() {
            let republish = republish::run(Arc::clone(&engine), shares, republish_rate);
            work.spawn("the publisher of shared entities", republish);
        }
        let copies = (!copies.is_empty()).then(|| {
            let (state, told) = watch::channel("not known yet".to_owned());
            let keeper = keeper::CopyKeeper {
                engine: Arc::clone(&engine),
                queues,
                copies: copies.into_iter().map(|copy| copy.part).collect(),
                state,
            };
            work.spawn("the keeper of copies", keeper.run());
            told
        });
        States {
            paused,
            hindered,
            unpublishable,
            bindings,
            queues: declared_queues,
            copies,
            progress,
            readers,
        }
    }

    fn spawn_readers(&self, work: &mut Tasks) -> Option<Arc<ReaderStates>> {
        if self.readers.is_empty() && self.followers.is_empty() {
            return None;
        }
        let partitions =
            |follower: &Arc<dyn AnyFollower>| 0..follower.codec().reads().partition_count();
        let streams = self.followers.iter().flat_map(partitions).count();
        let states = Arc::new(ReaderStates::new(streams));
        for follower in &self.followers {
            let mut lag = FollowLag {
                engine: Arc::clone(&self.engine),
                broker: Arc::clone(&self.broker),
                follower: Arc::clone(follower),
                followed: Vec::new(),
            };
            for partition in partitions(follower) {
                let followed = Arc::new(Followed::default());
                lag.followed.push(Arc::clone(&followed));
                let following = Following {
                    engine: Arc::clone(&self.engine),
                    broker: Arc::clone(&self.broker),
                    follower: Arc::clone(follower),
                    states: Arc::clone(&states),
                    followed,
                    partition,
                    most: self.telemetry_batch,
                    is_followed: false,
                };
                work.spawn("a follower of telemetry", following.run());
            }
            work.spawn("the lag of a follower of telemetry", lag.run());
        }
        for reader in &self.readers {
            let keeper = ReaderKeeper {
                engine: Arc::clone(&self.engine),
                broker: Arc::clone(&self.broker),
                reader: Arc::clone(reader),
                states: Arc::clone(&states),
                most: self.telemetry_batch,
            };
            work.spawn("a reader of telemetry", keeper.run());
        }
        Some(states)
    }
}

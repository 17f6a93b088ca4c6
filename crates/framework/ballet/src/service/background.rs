//! Starts what runs beside the lanes, and keeps the database and the broker in order.

use std::sync::Arc;

use ballet_amqp::{Broker, ConsumerHandle};
use tokio::sync::watch;

use crate::declare::participant::participant::Participant;
use crate::declare::telemetry::AnyFollower;
use crate::engine::engine::Engine;
use crate::http::health::TaskStates;
use crate::service::settings::settings::Settings;
use crate::service::tasks::Tasks;
use crate::telemetry::reading::follow::StreamFollower;
use crate::telemetry::reading::keeper::ReaderKeeper;
use crate::telemetry::reading::state::{ReaderStates, all_are_followed, once_all_are_followed};
use crate::upkeep::broker::bindings::{BindingComparer, Bindings};
use crate::upkeep::broker::declared_queues::{DeclaredQueues, QueueComparer};
use crate::upkeep::broker::queues::ServiceQueues;
use crate::upkeep::copies::keeper;
use crate::upkeep::copies::republish;
use crate::upkeep::database::clock;
use crate::upkeep::database::hindrances;
use crate::upkeep::database::partitions;
use crate::upkeep::database::pausing;
use crate::upkeep::outbox::marks;
use crate::upkeep::outbox::sweeper;
use crate::upkeep::outbox::turns;
use crate::upkeep::progress::MessageProgress;
use crate::upkeep::sagas::by_hand;
use crate::upkeep::sagas::calls;
use crate::upkeep::sagas::deadlines;
use crate::upkeep::sagas::stuck_count;

/// Starts what runs beside the lanes. Returns the states of these tasks, as readiness reads them.
pub(super) fn spawn(
    work: &mut Tasks,
    engine: &Arc<Engine>,
    consumer: &Arc<ConsumerHandle>,
    broker: Arc<dyn Broker>,
    participant: &Participant,
    settings: &Settings,
) -> TaskStates {
    let readers = spawn_readers(work, engine, &broker, participant, settings.telemetry_batch);
    let part = participant.part();
    let database = &engine.database;
    let pool = || database.upkeep.clone();
    let stopping = || engine.stopping.clone();

    let followed = all_are_followed(readers.clone());
    let (checked, pauses) = (Arc::clone(database), Arc::clone(consumer));
    let pausing = pausing::run(checked, pauses, followed, stopping());
    work.spawn("the database check", pausing);
    let shared = Arc::clone(&engine.time.shared);
    work.spawn("the watch over the clock", clock::follow(pool(), shared, stopping()));
    let (hindered_told, hindered) = watch::channel(None);
    let watch = hindrances::watch(Arc::clone(database), hindered_told, stopping());
    work.spawn("the watch over the database's tables", watch);
    let keeper = partitions::PartitionKeeper {
        pool: pool(),
        limits: engine.limits,
        time: engine.time.clone(),
        stages: engine.registry.stages(),
    };
    work.spawn("the upkeep of partitions", partitions::keep(keeper, stopping()));
    let (told, outbox_state) = watch::channel("ok".to_owned());
    work.spawn("the count of stuck sagas", stuck_count::keep_count(pool(), told, stopping()));

    work.spawn("the sweeper", sweeper::run(Arc::clone(engine)));
    work.spawn("the writer of marks", marks::flush_marks(Arc::clone(engine)));
    work.spawn("the turns of the outbox", turns::keep(Arc::clone(engine)));

    let calls = calls::run(Arc::clone(engine));
    let calls = once_all_are_followed(readers.clone(), stopping(), calls);
    work.spawn("the worker for open calls", calls);
    let let_go = calls::let_go(Arc::clone(engine));
    work.spawn("the watch for calls left behind", let_go);
    if engine.registry.with_deadline().next().is_some() {
        work.spawn("the deadline watch", deadlines::run(Arc::clone(engine)));
    }
    if by_hand::is_needed(&engine.registry.sagas) {
        for _ in 0..by_hand::AT_A_TIME {
            let by_hand = by_hand::run(Arc::clone(engine));
            let by_hand = once_all_are_followed(readers.clone(), stopping(), by_hand);
            work.spawn("what goes on with compensations that are left", by_hand);
        }
    }

    let (bindings_told, bindings) = watch::channel(Bindings::default());
    let (queues_told, declared_queues) = watch::channel(DeclaredQueues::default());
    let declared = QueueComparer::new(&part, queues_told);
    let compare = BindingComparer::new(&part, broker, bindings_told, declared);
    let compare = compare.run(engine.time.clock.clone(), stopping());
    work.spawn("the comparison with the broker", compare);
    let queues = ServiceQueues::of(engine, Arc::clone(consumer));
    work.spawn("the watch over the queues", queues.clone().watch(stopping()));
    let handlers = &engine.handlers;
    let last_work = Arc::clone(&handlers.last_work);
    let progress = MessageProgress::new(Arc::clone(consumer), last_work, handlers.time);
    work.spawn("the watch over progress", progress.clone().watch(stopping()));

    if !participant.shares.is_empty() {
        let shares = participant.shares.clone();
        let republish = republish::run(Arc::clone(engine), shares, settings.republish_rate);
        work.spawn("the publisher of shared entities", republish);
    }
    let copies = (!participant.copies.is_empty()).then(|| {
        let (state, told) = watch::channel("not known yet".to_owned());
        let keeper = keeper::CopyKeeper {
            engine: Arc::clone(engine),
            queues,
            copies: participant.copies.iter().map(|copy| copy.part.clone()).collect(),
            state,
        };
        work.spawn("the keeper of copies", keeper.run());
        told
    });
    TaskStates {
        hindered,
        outbox: outbox_state,
        bindings,
        queues: declared_queues,
        copies,
        progress,
        readers,
    }
}

fn spawn_readers(
    work: &mut Tasks,
    engine: &Arc<Engine>,
    broker: &Arc<dyn Broker>,
    Participant { readers, followers, .. }: &Participant,
    most: u16,
) -> Option<Arc<ReaderStates>> {
    if readers.is_empty() && followers.is_empty() {
        return None;
    }
    let partitions =
        |follower: &Arc<dyn AnyFollower>| 0..follower.codec().reads().partition_count();
    let streams = followers.iter().flat_map(partitions).count();
    let states = Arc::new(ReaderStates::new(streams));
    for follower in followers {
        for partition in partitions(follower) {
            let following = StreamFollower {
                engine: Arc::clone(engine),
                broker: Arc::clone(broker),
                follower: Arc::clone(follower),
                states: Arc::clone(&states),
                partition,
                most,
                is_followed: false,
            };
            work.spawn("a follower of telemetry", following.run());
        }
    }
    for reader in readers {
        let keeper = ReaderKeeper {
            engine: Arc::clone(engine),
            broker: Arc::clone(broker),
            reader: Arc::clone(reader),
            states: Arc::clone(&states),
            most,
        };
        work.spawn("a reader of telemetry", keeper.run());
    }
    Some(states)
}

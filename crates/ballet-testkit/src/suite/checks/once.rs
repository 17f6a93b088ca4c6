//! Once, whatever comes twice and wherever the process dies.

use super::{Check, check};
use crate::suite::bench::{Bench, Phase, same};
use crate::suite::wrong::Checked;

pub(super) fn checks(phase: Phase) -> Vec<Check> {
    let name = |what: &str| {
        let of = match phase {
            Phase::Run => "",
            Phase::Refusal => ", refusing",
            Phase::Undo => ", undoing",
        };
        format!("{what}{of}")
    };
    vec![
        check!(name("delivered twice"), twice, phase),
        check!(name("delivered twice in one batch"), twice_at_once, phase),
        check!(name("crash between commit and ack"), crash_before_ack, phase),
        check!(name("crash between commit and publish"), crash_before_publish, phase),
        check!(name("delivered twice, to two replicas"), to_two_replicas, phase),
    ]
}

/// Under the same ids, and under others.
async fn twice(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let sent = world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    world.again(&sent);
    world.quiet().await?;
    world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

async fn twice_at_once(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let held = world.hold_lanes().await?;
    let sent = world.tell(0, bench.events(phase)?);
    world.again(&sent);
    world.tell(0, bench.events(phase)?);
    world.all_delivered().await?;
    held.let_go().await?;
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

async fn crash_before_ack(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    world.broker.lose_acks(true);
    let sent = world.tell(0, bench.events(phase)?);
    world.all_committed(&sent).await?;
    world.crash().await?;
    world.broker.lose_acks(false);
    world.start().await?;
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

async fn crash_before_publish(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    world.broker.block(true);
    world.tell(0, bench.events(phase)?);
    world.all_acknowledged().await?;
    world.crash().await?;
    world.broker.block(false);
    world.start().await?;
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

/// The broker deals messages out in turn, so that both replicas get some of the same saga.
async fn to_two_replicas(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    world.start_replica().await?;
    let sent = world.tell(0, bench.events(phase)?);
    world.again(&sent);
    world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

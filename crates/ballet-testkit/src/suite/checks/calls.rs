//! Calls to the outside that are lost, held, or made by two.

use super::{Check, check};
use crate::suite::bench::{Bench, Phase, same};
use crate::suite::outside::Way;
use crate::suite::world::World;
use crate::suite::wrong::{Checked, ensure};

pub(super) fn checks(phase: Phase) -> Vec<Check> {
    let name = |what: &str| match phase {
        Phase::Run => what.to_owned(),
        Phase::Refusal => format!("{what}, refusing"),
        Phase::Undo => format!("{what}, undoing"),
    };
    let mut checks = vec![
        check!(name("asked again after a lost call"), asked_again, phase, Way::There),
        check!(name("asked again after a lost answer"), asked_again, phase, Way::Back),
        check!(name("crash with the call on its way"), crash, phase, Way::There),
        check!(name("crash with the answer on its way"), crash, phase, Way::Back),
        check!(name("answered twice"), answered_twice, phase),
    ];
    if phase == Phase::Undo {
        checks.push(check!("aborted again while the undo is asked for", aborted_again));
    }
    checks
}

/// Checks of aborts that come while the step asks.
pub(super) fn checks_of_aborts(may_refuse: bool) -> Vec<Check> {
    let mut checks = vec![check!("aborted while it asks", aborted_meanwhile, Phase::Run)];
    if may_refuse {
        checks.push(check!("aborted while it asks, refusing", aborted_meanwhile, Phase::Refusal));
    }
    checks
}

async fn asked_again(bench: &Bench<'_>, phase: Phase, way: Way) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let earlier = world.outside.asked().len();
    world.outside.lose_one(way);
    world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    under_one_key(&world, earlier)?;
    same(&world.seen().await?, bench.after(phase))
}

async fn crash(bench: &Bench<'_>, phase: Phase, way: Way) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let earlier = world.outside.asked().len();
    let reached = world.outside.reached(way);
    world.outside.hold(Some(way));
    world.tell(0, bench.events(phase)?);
    world.until("the call", || world.outside.reached(way) > reached).await?;
    world.all_acknowledged().await?;
    world.crash().await?;
    world.start().await?;
    world.quiet().await?;
    under_one_key(&world, earlier)?;
    same(&world.seen().await?, bench.after(phase))
}

/// An owner that lost its session is taken for gone while it lives: two processes ask, and both
/// are answered.
async fn answered_twice(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let (asked, answered) = (world.outside.asked().len(), world.outside.answered());
    world.outside.hold(Some(Way::There));
    world.tell(0, bench.events(phase)?);
    world.until("the call", || world.outside.asked().len() > asked).await?;
    world.orphan_calls().await?;
    world.start().await?;
    world.until("the second call", || world.outside.asked().len() > asked + 1).await?;
    world.outside.hold(None);
    world.until("both answers", || world.outside.answered() > answered + 1).await?;
    under_one_key(&world, asked)?;
    world.quiet().await?;
    // Whatever comes after in the same lanes comes after the second answer, too.
    world.tell(0, bench.events(phase)?);
    world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    same(&world.seen().await?, bench.after(phase))
}

/// What took effect is undone, and nobody is told of either before the undo.
async fn aborted_meanwhile(bench: &Bench<'_>, phase: Phase) -> Checked {
    let mut world = bench.world_before(phase).await?;
    let earlier = world.outside.reached(Way::Back);
    world.outside.hold(Some(Way::Back));
    world.tell(0, bench.events(phase)?);
    world.until("the call", || world.outside.reached(Way::Back) > earlier).await?;
    world.tell(0, bench.abort()?);
    world.all_acknowledged().await?;
    world.outside.hold(None);
    world.quiet().await?;
    let seen = world.seen().await?;
    drop(world);
    if phase == Phase::Run {
        return same(&seen, &bench.expected.undone.clone().without_event(bench.part.done.name()));
    }
    let mut world = bench.world_before(phase).await?;
    world.tell(0, bench.refused()?);
    world.quiet().await?;
    world.tell(0, bench.abort()?);
    world.quiet().await?;
    let told = world.seen().await?;
    let refused = bench.part.refused.map_or("", |event| event.name());
    same(&seen, &told.without_event(refused))
}

async fn aborted_again(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world_before(Phase::Undo).await?;
    let earlier = world.outside.asked().len();
    world.outside.hold(Some(Way::There));
    let sent = world.tell(0, bench.abort()?);
    world.until("the call", || world.outside.asked().len() > earlier).await?;
    world.again(&sent);
    world.tell(0, bench.abort()?);
    world.tell(0, bench.done()?);
    world.all_acknowledged().await?;
    world.outside.hold(None);
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.undone)
}

/// The first call since then was made again, under the same key.
fn under_one_key(world: &World<'_>, earlier: usize) -> Checked {
    let asked = world.outside.asked().split_off(earlier);
    ensure(asked.len() >= 2 && asked[0] == asked[1], || {
        format!("it is not asked again under the same key: {asked:?}")
    })
}

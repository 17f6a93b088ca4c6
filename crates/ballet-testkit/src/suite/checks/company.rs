//! A step among others: of failing ones, of its own join.

use super::{Check, check};
use crate::suite::bench::{Bench, Phase, missing, same};
use crate::suite::case::Told;
use crate::suite::seen::{Seen, list};
use crate::suite::world::World;
use crate::suite::wrong::{Checked, ensure};

/// How many good ones there are.
const GOOD: usize = 6;

pub(super) fn checks(bench: &Bench<'_>) -> Vec<Check> {
    let mut checks = vec![check!("an unreadable message among good ones", among, Bad::Unreadable)];
    // What asks outside may have nothing to do before it asks that can fail.
    if !bench.part.calls_outside || bench.case.failing.is_some() {
        checks.push(check!("a failing handler among good ones", among, Bad::Failing));
    }
    if bench.part.on.len() > 1 {
        checks.push(check!("its events in another order", in_another_order));
        checks.push(check!("one of its events twice", one_twice));
    }
    checks
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Unreadable,
    Failing,
}

/// The good ones are as without the bad one, which ends as one dead letter.
async fn among(bench: &Bench<'_>, bad: Bad) -> Checked {
    if bad == Bad::Failing && bench.case.failing.is_none() {
        return Err(missing("`failing_on`: a handler may always fail"));
    }
    let expected = batch(bench, bad, false).await?;
    let mut found = batch(bench, bad, true).await?;
    let dead = std::mem::take(&mut found.astray);
    same(&found, &expected)?;
    ensure(dead.len() == 1, || format!("there should be one dead letter:{}", list(&dead)))
}

/// Good ones in one batch, if asked for with a bad one among them.
async fn batch(bench: &Bench<'_>, bad: Bad, with_bad: bool) -> Checked<Seen> {
    let mut world = World::open(bench, GOOD, false).await?;
    world.sagas.push(bench.new_saga());
    if let (Bad::Failing, Some((rows, _))) = (bad, &bench.case.failing) {
        world.execute(rows(world.sagas[GOOD])).await?;
    }
    let held = world.hold_lanes().await?;
    for at in 0..GOOD {
        if with_bad && at == GOOD / 2 {
            tell_bad(&world, bad)?;
        }
        world.tell(at, bench.done()?);
    }
    world.all_delivered().await?;
    held.let_go().await?;
    world.quiet().await?;
    let seen = world.seen().await?;
    // What is written down of the bad one but for its end is of no interest.
    let (astray, bad) = (seen.astray.clone(), format!("saga{}", GOOD + 1));
    Ok(Seen { astray, ..seen.without(&bad) })
}

fn tell_bad(world: &World<'_>, bad: Bad) -> Checked {
    let saga = world.sagas[GOOD];
    if let (Bad::Failing, Some((_, events))) = (bad, &world.bench.case.failing) {
        world.tell(GOOD, events);
        return Ok(());
    }
    let good = world.bench.done()?(saga);
    let last = good.into_iter().last().ok_or_else(|| missing("an event that makes it done"))?;
    world.tell_one(saga, &Told { body: "{\"cut".to_owned(), ..last });
    Ok(())
}

async fn in_another_order(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world_before(Phase::Run).await?;
    let saga = world.sagas[0];
    for told in bench.done()?(saga).iter().rev() {
        world.tell_one(saga, told);
        world.quiet().await?;
    }
    same(&world.seen().await?, &bench.expected.done)
}

/// It takes each of them, however often one comes.
async fn one_twice(bench: &Bench<'_>) -> Checked {
    for missing in 0..bench.part.on.len() {
        let mut world = bench.world_before(Phase::Run).await?;
        let saga = world.sagas[0];
        let events = bench.done()?(saga);
        let others = || events.iter().enumerate().filter(|(at, _)| *at != missing);
        for (_, told) in others().chain(others()) {
            world.tell_one(saga, told);
            world.quiet().await?;
        }
        let mut seen = world.seen().await?;
        seen.ledger.retain(|line| !line.ends_with(" arrived"));
        same(&seen, &bench.expected.before)?;
    }
    Ok(())
}

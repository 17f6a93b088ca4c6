//! Aborts that come first, late, and at the same time.

use ballet::core::part::{StepKind, StepPart};

use super::{Check, check, is_undone};
use crate::suite::bench::{Bench, Phase, same, same_effects};
use crate::suite::seen::list;
use crate::suite::world::World;
use crate::suite::wrong::{Checked, ensure};

/// How many sagas are triggered and aborted at once.
const RACES: usize = 12;

pub(super) fn checks(part: &StepPart) -> Vec<Check> {
    let mut checks = vec![check!("run after undo", run_after_undo)];
    if !is_undone(part.kind) {
        // The owner does not take an abort of what has not begun.
        return checks;
    }
    checks.extend([
        check!("undo before run", undo_before_run),
        check!("undo before run, in one batch", undo_before_run_at_once),
        check!("run and undo at once, on two replicas", race),
    ]);
    if part.refused.is_some() {
        checks.push(check!("refused, then aborted", refused_then_aborted));
    }
    checks
}

pub(super) fn checks_of_decision() -> Vec<Check> {
    vec![
        check!("the abort first", undo_before_run),
        check!("the abort too late", abort_too_late),
        check!("decision and abort at once, on two replicas", race),
    ]
}

/// The tombstone covers what comes later.
async fn undo_before_run(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, 1, false).await?;
    world.tell(0, bench.abort()?);
    world.quiet().await?;
    let sent = world.tell(0, bench.done()?);
    world.quiet().await?;
    world.again(&sent);
    world.tell(0, bench.abort()?);
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.aborted)
}

async fn undo_before_run_at_once(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, 1, false).await?;
    let held = world.hold_lanes().await?;
    world.tell(0, bench.abort()?);
    world.tell(0, bench.done()?);
    world.all_delivered().await?;
    held.let_go().await?;
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.aborted)
}

async fn run_after_undo(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world_before(Phase::Undo).await?;
    world.tell(0, bench.abort()?);
    world.quiet().await?;
    world.tell(0, bench.done()?);
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.undone)
}

async fn refused_then_aborted(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world_before(Phase::Refusal).await?;
    world.tell(0, bench.refused()?);
    world.quiet().await?;
    world.tell(0, bench.abort()?);
    world.quiet().await?;
    let seen = world.seen().await?;
    same_effects(&seen, &bench.expected.aborted)?;
    let undone = bench.part.undone.map_or(0, |event| seen.count(event.name()));
    ensure(undone == 0 && seen.at(bench.part.name, "refused") == 1, || {
        format!("what was refused is undone:{}\n{}", list(&seen.events), list(&seen.ledger))
    })
}

async fn abort_too_late(bench: &Bench<'_>) -> Checked {
    same(&bench.expected.undone, &bench.expected.done)
}

/// Whichever comes first, nothing is left of what is aborted, and nobody is told both.
async fn race(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, RACES, false).await?;
    for at in 0..RACES {
        world.tell(at, bench.abort()?);
    }
    world.quiet().await?;
    let aborted = world.seen().await?;
    drop(world);

    let mut world = World::open(bench, RACES, false).await?;
    world.start_replica().await?;
    for at in 0..RACES {
        if at % 2 == 0 {
            world.tell(at, bench.done()?);
            world.tell(at, bench.abort()?);
        } else {
            world.tell(at, bench.abort()?);
            world.tell(at, bench.done()?);
        }
    }
    world.quiet().await?;
    let seen = world.seen().await?;
    let part = bench.part;
    let (done, ledger) = (seen.count(part.done.name()), || list(&seen.ledger));
    ensure(seen.astray.is_empty(), || format!("messages went astray:{}", list(&seen.astray)))?;
    if part.kind == StepKind::Decision {
        let abort = bench.abort_event().map_or(0, |event| seen.count(event.name()));
        return ensure(done + abort == RACES, || {
            format!("of {RACES} sagas {done} are decided, {abort} aborted:{}", ledger())
        });
    }
    same_effects(&seen, &aborted)?;
    let undone = part.undone.map_or(0, |event| seen.count(event.name()));
    let entries = seen.at(part.name, "undone");
    ensure(seen.at(part.name, "done") == 0, || format!("not all are undone:{}", ledger()))?;
    ensure(part.undone.is_none() || undone == entries, || {
        format!("{entries} are undone, {undone} are told to be:{}", ledger())
    })
}

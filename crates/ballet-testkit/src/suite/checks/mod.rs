//! The checks, and which of them a step has to pass.

mod calls;
mod company;
mod many;
mod once;
mod request;
mod undo;

use ballet::core::part::{StepKind, StepPart};
use futures_util::future::LocalBoxFuture;

use super::bench::{Bench, Phase, same_effects};
use super::case::{Case, Trigger};
use super::world::World;
use super::wrong::{Checked, Wrong, ensure};
use super::{Suite, seen};

type RunCheck = dyn for<'b> Fn(&'b Bench<'b>) -> LocalBoxFuture<'b, Checked>;

/// A check, with its name.
struct Check {
    name: String,
    run: Box<RunCheck>,
}

impl Check {
    fn new(
        name: impl Into<String>,
        run: impl for<'b> Fn(&'b Bench<'b>) -> LocalBoxFuture<'b, Checked> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Makes a check of an async function.
macro_rules! check {
    ($name:expr, $run:expr) => {
        $crate::suite::checks::Check::new($name, |bench| Box::pin($run(bench)))
    };
    ($name:expr, $run:expr, $($with:expr),+) => {
        $crate::suite::checks::Check::new($name, move |bench| Box::pin($run(bench, $($with),+)))
    };
}
use check;

/// Runs all checks that apply; what failed, in words.
pub(super) async fn run(suite: &Suite, part: &StepPart, case: Case) -> Vec<String> {
    let mut bench = match Box::pin(Bench::new(suite, part, case)).await {
        Ok(bench) => bench,
        Err(wrong) => return vec![format!("the service did not start: {wrong}")],
    };
    if let Err(wrong) = Box::pin(undisturbed(&mut bench)).await {
        return vec![format!("undisturbed: {wrong}")];
    }
    let mut failed = Vec::new();
    for Check { name, run } in of(&bench) {
        if let Err(wrong) = run(&bench).await {
            failed.push(format!("{name}: {wrong}"));
        }
    }
    failed
}

/// What may be undone by an abort.
const fn is_undone(kind: StepKind) -> bool {
    matches!(kind, StepKind::Compensatable | StepKind::Pivot)
}

/// The checks of a step, by what it is declared as.
fn of(bench: &Bench<'_>) -> Vec<Check> {
    let part = bench.part;
    if let Trigger::Request(..) = bench.case.trigger {
        return request::checks(bench);
    }
    let mut phases = vec![Phase::Run];
    phases.extend(part.refused.map(|_| Phase::Refusal));
    // An origin is not undone, but its owner can be made to abort it.
    let aborted =
        is_undone(part.kind) || (part.kind == StepKind::Origin && bench.case.abort.is_some());
    if aborted {
        phases.push(Phase::Undo);
    }
    let mut checks = Vec::new();
    for phase in phases {
        checks.extend(once::checks(phase));
        if part.calls_outside && asks(bench, phase) {
            checks.extend(calls::checks(phase));
        }
    }
    checks.extend(company::checks(bench));
    checks.extend(many::checks());
    if aborted {
        checks.extend(undo::checks(part));
        if part.calls_outside {
            checks.extend(calls::checks_of_aborts(part.refused.is_some()));
        }
    }
    if part.kind == StepKind::Decision {
        checks.extend(undo::checks_of_decision());
    }
    checks
}

/// Whether a phase asks outside: an undo may find that there is nothing left to ask for.
fn asks(bench: &Bench<'_>, phase: Phase) -> bool {
    let undo = format!("undo of {}", bench.part.name);
    let undoes = |seen: &seen::Seen| seen.calls.iter().any(|call| call.ends_with(&undo));
    phase != Phase::Undo || undoes(&bench.expected.undone)
}

/// Runs the step without any disturbance: what is left is what the checks compare with.
async fn undisturbed(bench: &mut Bench<'_>) -> Checked {
    if matches!(bench.case.trigger, Trigger::Request(..)) {
        return request::undisturbed(bench).await;
    }
    let part = bench.part;
    bench.expected.before = World::open(bench, 1, false).await?.seen().await?;
    bench.expected.done = left_by(bench, Phase::Run).await?;
    let done = &bench.expected.done;
    emitted(done, "done", part.done.name())?;
    ensure(done.at(part.name, "done") == 1, || {
        format!("the ledger does not say that it is done:{}", seen::list(&done.ledger))
    })?;
    ensure(done.effects != bench.expected.before.effects, || {
        "no effect is to be seen: the suite's queries do not show what it does".to_owned()
    })?;
    if let Some(refused) = part.refused {
        let before = World::open(bench, 1, true).await?.seen().await?;
        bench.expected.refused = left_by(bench, Phase::Refusal).await?;
        emitted(&bench.expected.refused, "refused", refused.name())?;
        same_effects(&bench.expected.refused, &before).map_err(|Wrong(words)| {
            Wrong(format!("the refusal is not without effects: {words}"))
        })?;
    }
    let origin = part.kind == StepKind::Origin;
    if part.kind == StepKind::Retriable || (origin && bench.case.abort.is_none()) {
        return Ok(());
    }
    let mut world = World::open(bench, 1, false).await?;
    if !origin {
        world.tell(0, bench.abort()?);
        world.quiet().await?;
    }
    let aborted = world.seen().await?;
    drop(world);
    ensure(aborted.astray.is_empty(), || {
        format!("the abort went astray:{}", seen::list(&aborted.astray))
    })?;
    bench.expected.aborted = aborted;
    bench.expected.undone = left_by(bench, Phase::Undo).await?;
    let undone = &bench.expected.undone;
    if is_undone(part.kind) {
        ensure(undone.at(part.name, "undone") == 1, || {
            format!("the ledger does not say that it is undone:{}", seen::list(&undone.ledger))
        })?;
        if let Some(event) = part.undone {
            emitted(undone, "undone", event.name())?;
        }
    }
    if part.kind == StepKind::Decision {
        return Ok(());
    }
    same_effects(undone, &bench.expected.aborted)
        .map_err(|Wrong(words)| Wrong(format!("the undo does not take everything back: {words}")))
}

async fn left_by(bench: &Bench<'_>, phase: Phase) -> Checked<seen::Seen> {
    let mut world = bench.world_before(phase).await?;
    world.tell(0, bench.events(phase)?);
    world.quiet().await?;
    let left = world.seen().await?;
    ensure(left.astray.is_empty(), || {
        format!("messages went astray:{}", seen::list(&left.astray))
    })?;
    let asked = world.outside.asked().len();
    ensure(asked >= left.calls.len(), || {
        format!("of {} calls only {asked} went through `Outside`", left.calls.len())
    })?;
    Ok(left)
}

/// Exactly one event tells what happened.
fn emitted(seen: &seen::Seen, what: &str, event_type: &str) -> Checked {
    let count = seen.count(event_type);
    ensure(count == 1, || {
        format!("{what}, it emits {event_type} {count} times:{}", seen::list(&seen.events))
    })
}

//! Runs: which messages of a batch are handled at once, and how.
//!
//! Messages of one type that a bulk step takes make up a run, in which no saga occurs twice. What
//! the service does for one saga keeps the order of delivery. Between sagas there is none, as with
//! several lanes, so a message joins an earlier run of its type unless something of its own saga
//! comes in between: types that alternate in a queue do not cut the runs short.

use std::collections::HashMap;
use std::sync::Arc;

use ballet_core::{AnyEvent, SagaId};
use tracing::Instrument;

use crate::declare::bulk::BulkTx;
use crate::declare::erased::any::{AnyBulk, AnyStep};
use crate::declare::failure::Failure;
use crate::declare::item::{Item, Lineage};
use crate::declare::saga_entry::SagaEntry;
use crate::declare::trace::Trace;
use crate::engine::arrivals::{self, admits};
use crate::engine::compensation::abort_all;
use crate::engine::effect::Effect;
use crate::engine::failed::{BatchFailure, RunFailure};
use crate::engine::guard::caught;
use crate::engine::limited::limited;
use crate::engine::open_calls::Answer;
use crate::engine::registry::Handler;
use crate::engine::transaction::Transaction;
use crate::lane::counted::Counted;
use crate::lane::dispatch;
use crate::lane::message::Work;
use crate::lane::run_items::{abort_events, begin_step, items, message};
use crate::lane::traced::Open;
use crate::outgoing::spans::Kind;
use crate::tables::ledger::StepKey;

/// A piece of work among those of its batch, as far as it matters for the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    at: usize,
    saga: Option<SagaId>,
    /// The type with whose other messages it may be handled at once.
    runs_with: Option<&'static str>,
}

impl Slot {
    pub(crate) fn of(at: usize, work: &Work) -> Self {
        match work {
            Work::Message(message) => {
                let (saga, known) = (message.envelope.saga_id, &message.known);
                // What came without a saga is refused, and that alone.
                let runs = known.runs() && saga.is_some();
                Self { at, saga, runs_with: runs.then(|| known.event_type.name()) }
            }
            Work::Answer(answer) => Self { at, saga: Some(answer.call.saga_id), runs_with: None },
        }
    }
}

/// Which places are handled at once, in which order.
pub(crate) fn plan(places: impl Iterator<Item = Slot>) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    // Where the last of a saga, and the last run of a type, is.
    let (mut of_saga, mut of_type) = (HashMap::new(), HashMap::new());
    for Slot { at, saga, runs_with } in places {
        let after = saga.and_then(|saga| of_saga.get(&saga)).copied();
        let joins = runs_with
            .and_then(|name| of_type.get(name).copied())
            .filter(|run| after.is_none_or(|after| after < *run));
        let run = joins.unwrap_or(runs.len());
        match runs.get_mut(run) {
            Some(run) => run.push(at),
            None => runs.push(vec![at]),
        }
        if let Some(name) = runs_with {
            of_type.insert(name, run);
        }
        if let Some(saga) = saga {
            of_saga.insert(saga, run);
        }
    }
    runs
}

/// Handles a run; one that no bulk step takes has one item.
pub(crate) async fn handle(
    transaction: &mut Transaction<'_>,
    works: &mut [Work],
    run: &[usize],
    counted: &mut Counted,
) -> Result<(), BatchFailure> {
    let Some(first) = run.first().and_then(|at| works.get_mut(*at)) else { return Ok(()) };
    let (known, span) = match first {
        Work::Answer(answer) => {
            let failed = |failure| RunFailure::of(0, failure).in_batch(run, None);
            take_answer(transaction, answer).await.map_err(failed)?;
            return transaction.check_open().map_err(failed);
        }
        Work::Message(message) if run.len() == 1 => (Arc::clone(&message.known), message.span()),
        Work::Message(message) => {
            let (name, size) = (message.envelope.event_type.name(), run.len());
            (Arc::clone(&message.known), tracing::info_span!("run", r#type = name, size))
        }
    };
    let engine = Arc::clone(&transaction.engine);
    let clock = &engine.clock;
    let all = async {
        for (place, handler) in known.handlers.iter().enumerate() {
            let effects = match bulk(handler) {
                Some((saga, step, bulk)) => match items(works, run, place, clock) {
                    Ok(items) => run_all(transaction, saga, step, bulk, items).await,
                    Err(failed) => Err(failed),
                },
                None => match handler {
                    Handler::Abort { saga } if run.len() > 1 => {
                        match abort_events(works, run, clock) {
                            Ok(abort_events) => abort_all(transaction, saga, abort_events).await,
                            Err(failed) => Err(failed),
                        }
                    }
                    _ => one_by_one(transaction, works, run, handler, place).await,
                },
            };
            let effects = effects.and_then(|effects| {
                transaction.check_open()?;
                Ok(effects)
            });
            let effects = effects.map_err(|failed| failed.in_batch(run, Some(handler.name())));
            end_steps(transaction, works, run, handler, &effects);
            for effect in effects? {
                counted.handled(known.event_type.name(), effect);
            }
        }
        Ok(())
    };
    all.instrument(span).await
}

/// The bulk step that a handler sets off, if it does.
fn bulk(handler: &Handler) -> Option<(&SagaEntry, &Arc<dyn AnyStep>, &dyn AnyBulk)> {
    match handler {
        Handler::Step { saga, step, .. } => step.bulk().map(|bulk| (&**saga, step, bulk)),
        Handler::Abort { .. }
        | Handler::Refusal { .. }
        | Handler::Deadline { .. }
        | Handler::KeyedCompensation { .. }
        | Handler::Projection(_)
        | Handler::Copy(_)
        | Handler::Share(_) => None,
    }
}

async fn one_by_one(
    transaction: &mut Transaction<'_>,
    works: &mut [Work],
    run: &[usize],
    handler: &Handler,
    place: usize,
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let mut effects = Vec::with_capacity(run.len());
    for (item, at) in run.iter().enumerate() {
        let Some(message) = message(works, *at) else { continue };
        let Lineage { cause, trace } = begin_step(message, &engine.clock);
        transaction.enter(message.envelope.saga_id, cause, trace);
        let effect = limited(&engine, dispatch::handle(transaction, handler, place, message)).await;
        effects.push(effect.map_err(|failure| RunFailure::of(item, failure))?);
    }
    Ok(effects)
}

/// Takes the answer to a call in. It is one more run of the step that asked.
async fn take_answer(transaction: &mut Transaction<'_>, answer: &Answer) -> Result<(), Failure> {
    let engine = Arc::clone(&transaction.engine);
    let call = &answer.call;
    let asked = call.trace.as_ref().map(|trace| trace.context);
    let open = Open::after(asked, call.saga_id.0, &engine.clock);
    let carried = call.trace.as_ref().map(|trace| trace.carried.clone()).unwrap_or_default();
    let trace = Trace { context: open.context, carried };
    transaction.enter(Some(call.saga_id), call.cause, Some(trace));
    let taken = limited(&engine, arrivals::answer(transaction, answer)).await;
    if engine.spans.want(open.context) {
        let attributes = vec![
            ("ballet.saga_id", call.saga_id.to_string()),
            ("ballet.call_key", call.key.to_string()),
        ];
        let error = taken.as_ref().err().map(ToString::to_string);
        let outcome = error.as_deref().map_or(Ok("answered"), Err);
        let name = call.step.clone();
        let span = open.end(Kind::Step, name, attributes, outcome, engine.clock.now());
        match taken {
            Ok(_) => transaction.spans.push(span),
            // The transaction and what it holds are gone.
            Err(_) => engine.spans.record(span),
        }
    }
    taken.map(drop)
}

/// Ends the spans of a run's steps. If the run fails, only the message that made it fail has one:
/// the others run again.
fn end_steps(
    transaction: &mut Transaction<'_>,
    works: &mut [Work],
    run: &[usize],
    handler: &Handler,
    ran: &Result<Vec<Effect>, BatchFailure>,
) {
    let engine = Arc::clone(&transaction.engine);
    let (spans, name) = (&engine.spans, handler.name());
    if !spans.are_on() {
        return;
    }
    let now = engine.clock.now();
    match ran {
        Ok(effects) => {
            for (at, effect) in run.iter().zip(effects) {
                let Some(message) = message(works, *at) else { continue };
                let (traced, envelope) = (&message.traced, &message.envelope);
                transaction.spans.extend(traced.step(spans, envelope, name, Ok(*effect), now));
            }
        }
        Err(BatchFailure { poison, failure, .. }) => {
            let poison = poison.and_then(|at| message(works, at));
            let Some(message) = poison else { return };
            let failure = failure.to_string();
            let span = message.traced.step(spans, &message.envelope, name, Err(&failure), now);
            span.into_iter().for_each(|span| spans.record(span));
            message.traced.failed();
        }
    }
}

/// A bulk step's trigger arrived for several sagas.
async fn run_all(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &Arc<dyn AnyStep>,
    bulk: &dyn AnyBulk,
    items: Vec<Item<AnyEvent>>,
) -> Result<Vec<Effect>, RunFailure> {
    let mut effects = vec![Effect::Nothing; items.len()];
    let mut admitted = Vec::with_capacity(items.len());
    let mut of = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let key = caught("the key of the step", || step.key(&item.event));
        let key = key.map_err(|failure| RunFailure::of(at, failure))?;
        let admits = admits(transaction, saga, step, item.saga_id, &key);
        if admits.map_err(|failure| RunFailure::of(at, failure))? {
            of.push((at, item.with(key)));
            admitted.push(item);
        }
    }
    if admitted.is_empty() {
        return Ok(effects);
    }
    let engine = Arc::clone(&transaction.engine);
    let tx = BulkTx::new(transaction.tx());
    let outcomes = limited(&engine, bulk.run_all(tx, admitted)).await?;
    for ((at, key), outcome) in of.into_iter().zip(outcomes) {
        transaction.tx().enter(&key);
        let place = StepKey { step: step.part().name, key: &key.event };
        let effect = limited(
            &engine,
            arrivals::take_outcome(transaction, saga, place, key.saga_id, outcome),
        )
        .await;
        effects[at] = effect.map_err(|failure| RunFailure::of(at, failure))?;
    }
    Ok(effects)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TYPES: [&str; 3] = ["started", "closing", "cancelled"];

    fn place((at, (saga, runs_with)): (usize, (Option<u128>, Option<usize>))) -> Slot {
        let saga = saga.map(|saga| SagaId(uuid::Uuid::from_u128(saga)));
        // What has no saga runs alone.
        let runs_with = runs_with.filter(|_| saga.is_some()).map(|at| TYPES[at]);
        Slot { at, saga, runs_with }
    }

    fn places(arrivals: Vec<(Option<u128>, Option<usize>)>) -> Vec<Slot> {
        arrivals.into_iter().enumerate().map(place).collect()
    }

    proptest! {
        #[test]
        fn runs_hold_everything_once_and_keep_the_order_of_each_saga(
            arrivals in prop::collection::vec(
                (prop::option::of(0..6_u128), prop::option::of(0..TYPES.len())),
                0..40,
            )
        ) {
            let places = places(arrivals);
            let runs = plan(places.iter().copied());
            let order: Vec<usize> = runs.iter().flatten().copied().collect();
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), places.len());
            prop_assert_eq!(order.len(), places.len());
            for run in &runs {
                let sagas: BTreeSet<_> = run.iter().map(|at| places[*at].saga).collect();
                prop_assert_eq!(sagas.len(), run.len(), "a saga twice in a run");
                let types: BTreeSet<_> = run.iter().map(|at| places[*at].runs_with).collect();
                prop_assert!(types.len() == 1 && (run.len() == 1 || !types.contains(&None)));
                prop_assert!(run.is_sorted());
            }
            for place in places.iter().filter(|place| place.saga.is_some()) {
                let of_saga = order.iter().filter(|at| places[**at].saga == place.saga);
                prop_assert!(of_saga.is_sorted(), "a saga's order is another");
            }
            let alone = order.iter().filter(|at| places[**at].runs_with.is_none());
            prop_assert!(alone.is_sorted(), "what runs alone changed places");
        }
    }

    #[test]
    fn types_that_alternate_do_not_cut_the_runs_short() {
        let (started, closing) = (Some(0), Some(1));
        // Each saga closes a little after it has started.
        let arrivals = (0..20).flat_map(|at| [(Some(at + 3), started), (Some(at), closing)]);
        let runs = plan(places(arrivals.collect()).into_iter());
        assert_eq!(runs.len(), 2, "{runs:?}");
    }
}

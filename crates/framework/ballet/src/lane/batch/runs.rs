//! Runs: how the messages of a type are handled at once.
//!
//! Messages of one type that a bulk step takes make up a run, in which no saga occurs twice.

use std::pin::pin;
use std::sync::Arc;

use ballet_core::Role;
use ballet_core::own_handlers::ABORT;
use ballet_store::ledger::entry::StepKey;
use ballet_store::trace::Trace;
use tracing::Instrument;

use crate::declare::erased::bulk::BulkHandlers;
use crate::declare::erased::outcome::AnyOutcome;
use crate::declare::erased::step::{AnyStep, Handlers};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Lineage;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::bulk::BulkTx;
use crate::engine::arrivals::{self, admits};
use crate::engine::calls::open_calls::CallAnswer;
use crate::engine::compensation::abort_all;
use crate::engine::effect::Effect;
use crate::engine::handlers::guard::caught;
use crate::engine::refusal;
use crate::engine::registry::Handler;
use crate::engine::rollback::{BatchFailure, RunFailure};
use crate::engine::transaction::Transaction;
use crate::lane::batch::dispatch;
use crate::lane::batch::outcome_counts::OutcomeCounts;
use crate::lane::batch::run_items::{abort_events, begin_step, items, message};
use crate::lane::message::message::LaneWork;
use crate::lane::message::spans::OpenSpan;
use crate::outgoing::spans::WorkKind;

/// Handles a run; one that no bulk step takes has one item.
pub(crate) async fn handle(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
    run: &[usize],
    counted: &mut OutcomeCounts,
) -> Result<(), BatchFailure> {
    let Some(first) = run.first().and_then(|at| works.get_mut(*at)) else { return Ok(()) };
    let (known, span) = match first {
        LaneWork::Answer(answer) => {
            let failed = |failure| RunFailure::of(0, failure).in_batch(run, None);
            take_answer(transaction, answer).await.map_err(failed)?;
            return transaction.check_open().map_err(failed);
        }
        LaneWork::Message(message) if run.len() == 1 => {
            (Arc::clone(&message.known), message.span())
        }
        LaneWork::Message(message) => {
            let (name, size) = (message.envelope.event_type.name(), run.len());
            (Arc::clone(&message.known), tracing::info_span!("run", r#type = name, size))
        }
    };
    let all = async {
        for (place, handler) in known.handlers.iter().enumerate() {
            let effects = run_handler(transaction, works, run, handler, place).await;
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

/// Runs one handler for a run.
async fn run_handler(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
    run: &[usize],
    handler: &Handler,
    place: usize,
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    match handler {
        Handler::Step { saga, step, .. } => match &step.handlers {
            Handlers::Bulk(bulk) => {
                run_all(transaction, works, run, place, (saga, step, bulk)).await
            }
            Handlers::Local(_) | Handlers::Call(_) => {
                one_by_one(transaction, works, run, handler, place).await
            }
        },
        Handler::Abort { saga } if run.len() > 1 => {
            let abort_events = abort_events(works, run, &engine.time.clock)?;
            abort_all(transaction, saga, abort_events).await
        }
        Handler::Abort { .. }
        | Handler::Refusal { .. }
        | Handler::Deadline { .. }
        | Handler::KeyedCompensation { .. }
        | Handler::Projection(_)
        | Handler::Copy(_)
        | Handler::Share(_) => one_by_one(transaction, works, run, handler, place).await,
    }
}

async fn one_by_one(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
    run: &[usize],
    handler: &Handler,
    place: usize,
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let clock = &engine.time.clock;
    let mut effects = Vec::with_capacity(run.len());
    for (item, at) in run.iter().enumerate() {
        let Some(message) = message(works, *at) else { continue };
        let Lineage { cause, trace } = begin_step(message, clock, clock.now());
        transaction.enter(message.envelope.saga_id, cause, trace);
        transaction.scope.is_plain = message.envelope.event_type.role() == Role::Plain;
        let effect = engine
            .handlers
            .run(handler.name(), dispatch::handle(transaction, handler, place, message))
            .await;
        effects.push(effect.map_err(|failure| RunFailure::of(item, failure))?);
    }
    Ok(effects)
}

/// Takes the answer to a call in. It is one more run of the step that asked.
async fn take_answer(
    transaction: &mut Transaction<'_>,
    answer: &mut CallAnswer,
) -> Result<(), Failure> {
    let engine = Arc::clone(&transaction.engine);
    let (call, clock) = (&answer.call, &engine.time.clock);
    let asked = call.trace.as_ref().map(|trace| trace.context);
    let open = OpenSpan::after(asked, call.saga_id.0, clock, clock.now());
    let carried = call.trace.as_ref().map(|trace| trace.carried.clone()).unwrap_or_default();
    let trace = Trace { context: open.context, carried };
    transaction.enter(Some(call.saga_id), call.cause, Some(trace));
    let step = engine.registry.step(&call.step).map_or(ABORT, |(_, step)| step.part().name);
    let taken = engine.handlers.run(step, arrivals::answer(transaction, answer)).await;
    let call = &answer.call;
    if engine.spans.want(open.context) {
        let attributes = vec![
            ("ballet.saga_id", call.saga_id.to_string()),
            ("ballet.call_key", call.key.to_string()),
        ];
        let error = taken.as_ref().err().map(ToString::to_string);
        let outcome = error.as_deref().map_or(Ok("answered"), Err);
        let name = call.step.clone();
        let span = open.end(WorkKind::Step, name, attributes, outcome, engine.time.clock.now());
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
    works: &mut [LaneWork],
    run: &[usize],
    handler: &Handler,
    ran: &Result<Vec<Effect>, BatchFailure>,
) {
    let engine = Arc::clone(&transaction.engine);
    let (spans, name) = (&engine.spans, handler.name());
    if !spans.are_on() {
        return;
    }
    let now = engine.time.clock.now();
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
    works: &mut [LaneWork],
    run: &[usize],
    place: usize,
    (saga, step, bulk): (&SagaEntry, &Arc<AnyStep>, &BulkHandlers),
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let items = items(works, run, place, &engine.time.clock)?;
    let mut effects = vec![Effect::Nothing; items.len()];
    let mut admitted = Vec::with_capacity(items.len());
    let mut of = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let key = caught("the key of the step", || step.key(&item.event)).flatten();
        let key = key.map_err(|failure| RunFailure::of(at, failure))?;
        let admits = admits(transaction, saga, step, item.saga_id, &key).await;
        if admits.map_err(|failure| RunFailure::of(at, failure))? {
            of.push((at, item.with(key)));
            admitted.push(item);
        }
    }
    if admitted.is_empty() {
        return Ok(effects);
    }
    let before = refusal::before(transaction, step.part()).await?;
    let mut outcomes = Vec::with_capacity(admitted.len());
    while !admitted.is_empty() {
        let (tx, items) = (BulkTx::new(transaction.tx()), std::mem::take(&mut admitted));
        let ran = engine.handlers.run(step.part().name, bulk.step.run_all(tx, items)).await?;
        let ran = std::mem::take(&mut of).into_iter().zip(ran);
        let (refused, ran): (Vec<_>, Vec<_>) =
            ran.partition(|(_, outcome)| matches!(outcome, AnyOutcome::Refused(_)));
        let is_taken_back = match &before {
            Some(before) if !refused.is_empty() => refusal::take_back(transaction, before).await?,
            Some(_) | None => false,
        };
        outcomes.extend(refused);
        if !is_taken_back {
            outcomes.extend(ran);
            break;
        }
        // What the others have written is gone, too: they run again without those that refused.
        for ((at, key), _) in ran {
            let Some(message) = message(works, run[at]) else { continue };
            let event = message.event(place).map_err(|failure| RunFailure::of(at, failure))?;
            admitted.push(key.with(event));
            of.push((at, key));
        }
    }
    outcomes.sort_unstable_by_key(|((at, _), _)| *at);
    for ((at, key), outcome) in outcomes {
        transaction.tx().enter(&key);
        let place = StepKey { step: step.part().name, key: &key.event };
        // An outcome `done` is only noted. A refusal may run a handler by itself: the owner's abort.
        let is_done = matches!(outcome, AnyOutcome::Done(_));
        let taken = arrivals::take_outcome(transaction, saga, place, key.saga_id, outcome);
        let taken = pin!(taken);
        let effect = match is_done {
            true => taken.await,
            false => engine.handlers.run(step.part().name, taken).await,
        };
        effects[at] = effect.map_err(|failure| RunFailure::of(at, failure))?;
    }
    Ok(effects)
}

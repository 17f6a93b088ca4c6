//! Runs: how the messages of a type are handled at once.

use std::pin::pin;
use std::sync::Arc;

use ballet_core::Role;
use ballet_core::own_handlers::ABORT;
use ballet_store::ledger::entry::StepKey;
use ballet_store::trace::Trace;
use tracing::Instrument;

use crate::declare::erased::local::AnyLocal;
use crate::declare::erased::outcome::AnyOutcome;
use crate::declare::erased::step::AnyStep;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::{Item, Lineage};
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
use crate::engine::saga_work::SagaWork;
use crate::engine::transaction::Transaction;
use crate::lane::batch::dispatch;
use crate::lane::batch::outcome_counts::OutcomeCounts;
use crate::lane::message::message::{LaneMessage, LaneWork};
use crate::lane::message::spans::OpenSpan;
use crate::outgoing::spans::WorkKind;

/// Handles a run, of one item if no bulk step takes it. A failure names the work by its place in
/// the run.
pub(crate) async fn handle(
    transaction: &mut Transaction<'_>,
    run: &mut [LaneWork],
    counted: &mut OutcomeCounts,
) -> Result<(), BatchFailure> {
    let (known, span) = match run {
        [] => return Ok(()),
        [LaneWork::Answer(answer), ..] => {
            let taken = take_answer(transaction, answer).await;
            let taken = taken.and_then(|()| transaction.check_open());
            return taken.map_err(|failure| BatchFailure::of_work(0, failure));
        }
        [LaneWork::Message(message)] => (Arc::clone(&message.known), message.span()),
        [LaneWork::Message(message), others @ ..] => {
            let (name, size) = (message.envelope.event_type.name(), others.len() + 1);
            (Arc::clone(&message.known), tracing::info_span!("run", r#type = name, size))
        }
    };
    let all = async {
        for (place, handler) in known.handlers.iter().enumerate() {
            let effects = run_handler(transaction, run, handler, place).await;
            let effects = effects.and_then(|effects| {
                transaction.check_open()?;
                Ok(effects)
            });
            let effects = effects.map_err(|failed| blamed(run, handler, failed));
            end_steps(transaction, run, handler, &effects);
            for effect in effects? {
                counted.handled(known.event_type.name(), effect);
            }
        }
        Ok(())
    };
    all.instrument(span).await
}

fn messages(run: &mut [LaneWork]) -> impl Iterator<Item = &mut LaneMessage> {
    run.iter_mut().filter_map(LaneWork::message_mut)
}

fn blamed(run: &[LaneWork], handler: &Handler, failed: RunFailure) -> BatchFailure {
    let RunFailure { saga_id, failure } = failed;
    let poison = match run {
        [_] => Some(0),
        _ => saga_id.and_then(|saga_id| run.iter().position(|work| work.saga() == Some(saga_id))),
    };
    BatchFailure { poison, handler: Some(handler.name()), ..failure.into() }
}

async fn run_handler(
    transaction: &mut Transaction<'_>,
    run: &mut [LaneWork],
    handler: &Handler,
    place: usize,
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let clock = &engine.time.clock;
    if let Handler::Step { saga, step, .. } = handler
        && let Some(together) = step.together()
    {
        return run_all(transaction, run, place, saga, step, together).await;
    }
    if let Handler::Abort { saga } = handler
        && run.len() > 1
    {
        let (mut aborts, now) = (Vec::with_capacity(run.len()), clock.now());
        for message in messages(run) {
            let (saga_id, lineage) = (message.saga_id()?, message.begin_step(clock, now));
            aborts.push(Item { saga_id, event: message.encoded(), lineage });
        }
        return abort_all(transaction, saga, aborts).await;
    }
    let mut effects = Vec::with_capacity(run.len());
    for message in messages(run) {
        let Lineage { cause, trace } = message.begin_step(clock, clock.now());
        let saga_id = message.envelope.saga_id;
        transaction.enter(saga_id, cause, trace);
        transaction.scope.is_plain = message.envelope.event_type.role() == Role::Plain;
        let effect = engine
            .handlers
            .run(handler.name(), dispatch::handle(transaction, handler, place, message))
            .await;
        effects.push(effect.map_err(|failure| RunFailure { saga_id, failure })?);
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
    let open = OpenSpan::after(asked, call.saga_id.0, clock, engine.spans.sampler, clock.now());
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

/// If the run fails, only the message that made it fail has a span, since the others run again.
fn end_steps(
    transaction: &mut Transaction<'_>,
    run: &mut [LaneWork],
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
            for (message, effect) in messages(run).zip(effects) {
                let (traced, envelope) = (&message.traced, &message.envelope);
                transaction.spans.extend(traced.step(spans, envelope, name, Ok(*effect), now));
            }
        }
        Err(BatchFailure { poison, failure, .. }) => {
            let poison = poison.and_then(|at| run.get_mut(at)?.message_mut());
            let Some(message) = poison else { return };
            let failure = failure.to_string();
            let span = message.traced.step(spans, &message.envelope, name, Err(&failure), now);
            span.into_iter().for_each(|span| spans.record(span));
            message.traced.failed();
        }
    }
}

async fn run_all(
    transaction: &mut Transaction<'_>,
    run: &mut [LaneWork],
    place: usize,
    saga: &SagaEntry,
    step: &AnyStep,
    together: &dyn AnyLocal,
) -> Result<Vec<Effect>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let (clock, now) = (&engine.time.clock, engine.time.clock.now());
    let name = step.part().name;
    let mut effects = vec![Effect::Nothing; run.len()];
    let (mut items, mut keys) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
    for (at, message) in messages(run).enumerate() {
        let (saga_id, lineage) = (message.saga_id()?, message.begin_step(clock, now));
        let failed = |failure| RunFailure::of(saga_id, failure);
        let event = message.event(place).map_err(failed)?;
        let key = caught("the key of the step", || step.key(&event)).flatten().map_err(failed)?;
        let work = &mut SagaWork::new(transaction, saga, saga_id);
        if admits(work, step, &key).await.map_err(failed)? {
            let item = Item { saga_id, event, lineage };
            keys.push((at, item.with(key)));
            items.push(item);
        }
    }
    if items.is_empty() {
        return Ok(effects);
    }
    let before = refusal::before(transaction, step.part()).await?;
    let mut outcomes = Vec::with_capacity(items.len());
    while !items.is_empty() {
        let (tx, taken) = (BulkTx::new(transaction.tx()), std::mem::take(&mut items));
        let ran = engine.handlers.run(name, together.run_all(tx, taken)).await?;
        let ran = std::mem::take(&mut keys).into_iter().zip(ran);
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
        // What the others have written is gone, too, so they run again without those that refused.
        for ((at, key), _) in ran {
            let Some(message) = run[at].message_mut() else { continue };
            let event = message.event(place);
            items.push(key.with(event.map_err(|failure| RunFailure::of(key.saga_id, failure))?));
            keys.push((at, key));
        }
    }
    outcomes.sort_unstable_by_key(|((at, _), _)| *at);
    for ((at, key), outcome) in outcomes {
        transaction.tx().enter(&key);
        let place = StepKey { step: name, key: &key.event };
        // An outcome `done` is only noted. A refusal may run a handler by itself, the owner's
        // abort.
        let is_done = matches!(outcome, AnyOutcome::Done(_));
        let work = &mut SagaWork::new(transaction, saga, key.saga_id);
        let taken = arrivals::take_outcome(work, place, outcome);
        let taken = pin!(taken);
        let effect = match is_done {
            true => taken.await,
            false => engine.handlers.run(name, taken).await,
        };
        effects[at] = effect.map_err(|failure| RunFailure::of(key.saga_id, failure))?;
    }
    Ok(effects)
}

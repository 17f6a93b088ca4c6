//! Makes calls to the outside, outside of any transaction, and again under the same key until the
//! answer is known.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::fault::{self, FaultPoint};
use ballet_store::calls::stored as calls;
use ballet_store::calls::stored::{NewCall, StatedOutcome};
use jiff::Timestamp;
use metrics::Counter;

use crate::declare::erased::call::{AnyWatch, CallHandlers};
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::handler::spans;
use crate::declare::step::call_step::LookUp;
use crate::engine::calls::open_calls::{CallAnswer, CallFate, Claim, Compensations, FailedCall};
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::stopping::stopped;
use crate::engine::transaction::Transaction;
use crate::outgoing::spans::{Span, WorkKind};

/// The pause before a side that has no outcome yet is asked again.
const UNTIL_IT_KNOWS: Duration = Duration::from_secs(60);
/// The longest pause that the other side may ask for until it has an outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// The longest pause after a failed attempt, whatever the other side asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After this many attempts the pause is longer than an earlier attempt can take to reach the other
/// side.
const QUIET_AFTER: u32 = 9;

/// The answer of a step that looks at rows: it is over.
const OVER: &str = "true";

pub(crate) fn make(engine: &Arc<Engine>, call: NewCall, claim: Claim) {
    let engine = Arc::clone(engine);
    let mut stopping = engine.stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = ask(&engine, call, claim) => {}
            () = stopped(&mut stopping) => {}
        }
    });
}

/// An answer counts, whatever becomes of the compensations that it sets off. If they may be what
/// failed, it is taken in without them first.
pub(crate) fn ask_again(engine: &Engine, answer: CallAnswer, failure: &Failure) {
    if answer.compensations == Compensations::Along {
        answer.call.span().in_scope(|| {
            tracing::warn!(
                "an answer is taken in without the compensations that follow: {failure}"
            );
        });
        engine.calls.answered(CallAnswer { compensations: Compensations::Apart, ..answer });
        return;
    }
    let CallAnswer { call, claim, .. } = answer;
    call.span().in_scope(|| tracing::warn!("an answer could not be taken in: {failure}"));
    failed(engine, call, claim, failure.to_string(), again(failure));
}

fn failed(engine: &Engine, mut call: NewCall, claim: Claim, failure: String, then: CallFate) {
    call.attempts = match then {
        // The other side answers, so attempts count from zero again.
        CallFate::Taken(_) => 0,
        CallFate::Again | CallFate::After(_) | CallFate::SetAside => {
            call.attempts.saturating_add(1)
        }
    };
    if then == CallFate::SetAside {
        call.span().in_scope(|| tracing::error!("a call is set aside: {failure}"));
    }
    engine.calls.failed(FailedCall { call, claim, failure, then });
}

fn again(failure: &Failure) -> CallFate {
    failure.pause().map_or(CallFate::Again, |pause| CallFate::After(pause.min(LONGEST_PAUSE)))
}

/// The other side answers, but has no outcome yet.
fn wait(engine: &Engine, step: &'static str, call: NewCall, claim: Claim, failure: &Failure) {
    call.span().in_scope(|| tracing::debug!("a call has no outcome yet: {failure}"));
    counted(step, "not_yet").increment(1);
    claim.answered();
    let then = CallFate::Taken(failure.pause().unwrap_or(UNTIL_IT_KNOWS).min(LONGEST_WAIT));
    failed(engine, call, claim, failure.to_string(), then);
}

async fn ask(engine: &Arc<Engine>, call: NewCall, claim: Claim) {
    let Some((saga, step)) = engine.registry.call_step(&call.step) else {
        let unknown = "an open call belongs to a step that this version does not know";
        call.span().in_scope(|| tracing::error!("{unknown}"));
        return;
    };
    if let Some(given) = call.given.clone() {
        return take_given(engine, call, claim, given);
    }
    let line = Arc::clone(&claim.line);
    let Some(turn) = line.turn().await else { return };
    if !claim.outlasts_an_attempt() {
        // It waited too long here. Another process may claim it before this one would be done.
        return;
    }
    let begun = engine.time.clock.now();
    let limit = line.time_limit();
    // All of it is the step's code, the look-ups too.
    let asked = Box::pin(guarded(attempt(engine, saga.saga, step, &call)));
    let asked = tokio::time::timeout(limit, asked).await;
    drop(turn);
    let failure = match asked {
        Ok(Ok(known)) => {
            counted(step.name, "answered").increment(1);
            record(engine, &call, begun, None);
            claim.answered();
            let answer = match known {
                AttemptResult::Answer(answer) => Some(answer),
                AttemptResult::Nothing => None,
                AttemptResult::Forgotten(kept) => {
                    let why = forgotten(&call, kept);
                    return failed(engine, call, claim, why, CallFate::SetAside);
                }
            };
            let compensations = Compensations::None;
            engine.calls.answered(CallAnswer { call, answer, claim, compensations });
            return;
        }
        Ok(Err(failure)) => failure,
        Err(_elapsed) => Failure::transient(format!("no answer within {limit:?}")),
    };
    record(engine, &call, begun, Some(&failure));
    match failure.kind() {
        FailureKind::NotYet => return wait(engine, step.name, call, claim, &failure),
        // It answers, so what fails is this request.
        FailureKind::Permanent => claim.answered(),
        FailureKind::Transient | FailureKind::Conflict | FailureKind::ConnectionLost => {
            if line.failed() {
                tracing::warn!(
                    step = call.step,
                    undo = call.undo,
                    "every call that is made again fails; they are made in small portions until one is answered"
                );
            }
        }
    }
    counted(step.name, "failed").increment(1);
    let attempts = call.attempts + 1;
    call.span()
        .in_scope(|| tracing::warn!(attempts, "a call failed, and is made again: {failure}"));
    failed(engine, call, claim, failure.to_string(), again(&failure));
}

/// A person's word on a call says nothing of the provider.
fn take_given(engine: &Engine, call: NewCall, claim: Claim, given: StatedOutcome) {
    call.span().in_scope(|| tracing::info!("a person has said what became of a call"));
    let answer = match given {
        StatedOutcome::Answer(answer) => Some(answer),
        StatedOutcome::Nothing => None,
    };
    engine.calls.answered(CallAnswer { call, answer, claim, compensations: Compensations::None });
}

/// Why a call is set aside whose key may be forgotten, and what to do.
fn forgotten(call: &NewCall, kept: Duration) -> String {
    let NewCall { saga_id, step, step_key, undo, .. } = call;
    let key = if step_key.is_empty() { String::new() } else { format!(" --key '{step_key}'") };
    let solved = format!("`ballet sagas solved {saga_id} --step {step}{key}");
    let then = if *undo {
        format!("compensate the step there if that was not done, and say so: {solved} --why ...`")
    } else {
        format!("and say so: {solved} --answer FILE --why ...`, or --nothing-done")
    };
    format!(
        "the other side remembers keys for {kept:?}, and may have forgotten this one: ask it what became of the \
         request, {then}"
    )
}

pub(crate) fn counted(step: &'static str, outcome: &'static str) -> Counter {
    metrics::counter!("ballet_calls_total", "step" => step, "outcome" => outcome)
}

enum AttemptResult {
    Answer(String),
    /// The other side has done nothing for a call of an aborted saga.
    Nothing,
    /// The other side may have forgotten the key after this time.
    Forgotten(Duration),
}

/// Makes a call once, or looks up what became of it where making it would be wrong.
async fn attempt(
    engine: &Arc<Engine>,
    saga: &str,
    handlers: &CallHandlers,
    call: &NewCall,
) -> Result<AttemptResult, Failure> {
    let step = &handlers.step;
    let look_up = || step.look_up(call.key, &call.request);
    // One that was stored while the clock was ahead is new.
    let age = engine.time.clock.now().duration_since(call.asked_since);
    let age = Duration::try_from(age).unwrap_or_default();
    if let Some(kept) = step.keys_kept()
        && age >= kept
    {
        let found = if call.undo { LookUp::Unable } else { look_up().await? };
        return Ok(match found {
            LookUp::Answered(answer) => AttemptResult::Answer(answer),
            // The other side may find nothing because it has forgotten what was done.
            LookUp::Nothing | LookUp::Unable => AttemptResult::Forgotten(kept),
        });
    }
    let may_end = call.is_stored && !call.undo && step.watch().is_none();
    if may_end && is_unwanted(engine, saga, call).await? {
        match look_up().await? {
            LookUp::Answered(answer) => return Ok(AttemptResult::Answer(answer)),
            LookUp::Nothing => return Ok(AttemptResult::Nothing),
            // Only the call itself shows what became of it.
            LookUp::Unable => {}
        }
    }
    fault::point(FaultPoint::BeforeCall, call);
    let answer = match step.watch() {
        Some(watch) => look(engine, watch, call).await,
        None => handlers.call(call).await,
    }?;
    fault::point(FaultPoint::AfterCall, call);
    Ok(AttemptResult::Answer(answer))
}

/// The transaction is rolled back, since only a second look, under the saga's lock, counts.
async fn look(
    engine: &Arc<Engine>,
    watch: &dyn AnyWatch,
    call: &NewCall,
) -> Result<String, Failure> {
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    transaction.enter(Some(call.saga_id), call.cause, call.trace.clone());
    match watch.look(transaction.tx()).await? {
        None => Ok(OVER.to_owned()),
        Some(pause) => Err(Failure::not_yet("it is not over").again_after(pause)),
    }
}

/// Whether a call is of an aborted saga, and no earlier attempt can still be under way.
async fn is_unwanted(engine: &Engine, saga: &str, call: &NewCall) -> Result<bool, Failure> {
    let is_quiet = !call.is_repeated || call.attempts >= QUIET_AFTER;
    Ok(is_quiet && answered(calls::is_taken_back(&engine.database.upkeep, saga, call)).await?)
}

fn record(engine: &Engine, call: &NewCall, begun: Timestamp, failure: Option<&Failure>) {
    let step = call.trace.as_ref().map(|trace| trace.context);
    let Some(step) = step.filter(|step| engine.spans.want(*step)) else { return };
    engine.spans.record(Span {
        context: spans::child(step, &engine.time.clock),
        parent: Some(step.span_id),
        kind: WorkKind::Call,
        name: format!("call {}", call.step),
        begun,
        ended: engine.time.clock.now(),
        attributes: vec![
            ("ballet.saga_id", call.saga_id.to_string()),
            ("ballet.step", call.step.clone()),
            ("ballet.call_key", call.key.to_string()),
            ("ballet.compensates", call.undo.to_string()),
            ("ballet.attempt", (call.attempts + 1).to_string()),
        ],
        error: failure.map(ToString::to_string),
    });
}

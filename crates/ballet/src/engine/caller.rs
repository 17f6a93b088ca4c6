//! Makes calls to the outside, outside of any transaction. A call that fails is made again under the
//! same key until its answer is known.

use std::sync::Arc;
use std::time::Duration;

use ballet_fault::{self as fault, FaultPoint};
use jiff::Timestamp;

use crate::declare::failure::{Failure, FailureKind};
use crate::engine::engine::Engine;
use crate::engine::guard::guarded;
use crate::engine::open_calls::{Answer, Claim, FailedCall};
use crate::engine::stopping::stopped;
use crate::outgoing::spans::{Kind, Span};
use crate::tables::calls::NewCall;

/// The pause until the other side is asked again that has no outcome yet.
const UNTIL_IT_KNOWS: Duration = Duration::from_secs(60);
/// The longest pause that the other side may ask for until it has an outcome.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// The longest pause after a failed attempt, whatever the other side asks for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Makes a call that this process has claimed, once, unless the process stops.
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

/// Asks again later, after a failure to take in the answer.
pub(crate) fn ask_again(engine: &Engine, answer: Answer, failure: &Failure) {
    let Answer { call, claim, .. } = answer;
    call.span().in_scope(|| tracing::warn!("an answer could not be taken in: {failure}"));
    fail(engine, call, claim, failure);
}

fn fail(engine: &Engine, mut call: NewCall, claim: Claim, failure: &Failure) {
    call.attempts = call.attempts.saturating_add(1);
    let pause = failure.pause().map(|pause| pause.min(LONGEST_PAUSE));
    engine.calls.failed(FailedCall { call, claim, failure: failure.to_string(), pause });
}

/// The other side answers, but has no outcome yet. So the attempts begin anew.
fn wait(engine: &Engine, mut call: NewCall, claim: Claim, failure: &Failure) {
    call.span().in_scope(|| tracing::debug!("a call has no outcome yet: {failure}"));
    ballet_amqp::counter!("ballet_calls_total", "outcome" => "not_yet").increment(1);
    claim.answered();
    call.attempts = 0;
    let pause = failure.pause().unwrap_or(UNTIL_IT_KNOWS).min(LONGEST_WAIT);
    engine.calls.failed(FailedCall {
        call,
        claim,
        failure: failure.to_string(),
        pause: Some(pause),
    });
}

async fn ask(engine: &Arc<Engine>, call: NewCall, claim: Claim) {
    let Some((_, step)) = engine.registry.step(&call.step) else {
        let unknown = "an open call belongs to a step that this version does not know";
        call.span().in_scope(|| tracing::error!("{unknown}"));
        return;
    };
    let line = Arc::clone(&claim.line);
    let Some(turn) = line.turn().await else { return };
    if !claim.outlasts_an_attempt() {
        // It waited too long here. Another process may claim it before this one would be done.
        return;
    }
    let begun = engine.clock.now();
    let limit = line.time_limit();
    fault::point(FaultPoint::BeforeCall, &call);
    let asked = guarded(step.call(call.undo, call.key, &call.request));
    let asked = tokio::time::timeout(limit, asked).await;
    let failure = match asked {
        Ok(Ok(answer)) => {
            fault::point(FaultPoint::AfterCall, &call);
            ballet_amqp::counter!("ballet_calls_total", "outcome" => "answered").increment(1);
            record(engine, &call, begun, None);
            claim.answered();
            (engine.answers)(Answer { call, answer, claim });
            return;
        }
        Ok(Err(failure)) => failure,
        Err(_elapsed) => Failure::transient(format!("no answer within {limit:?}")),
    };
    drop(turn);
    record(engine, &call, begun, Some(&failure));
    if failure.kind() == FailureKind::NotYet {
        return wait(engine, call, claim, &failure);
    }
    ballet_amqp::counter!("ballet_calls_total", "outcome" => "failed").increment(1);
    let attempts = call.attempts + 1;
    call.span()
        .in_scope(|| tracing::warn!(attempts, "a call failed, and is made again: {failure}"));
    if line.failed() {
        tracing::warn!(
            step = call.step,
            undo = call.undo,
            "every call fails; they are made in small portions until one is answered"
        );
    }
    fail(engine, call, claim, &failure);
}
/// Records an attempt that has ended, as a part of what the step that wants it set off.
fn record(engine: &Engine, call: &NewCall, begun: Timestamp, failure: Option<&Failure>) {
    let step = call.trace.as_ref().map(|trace| trace.context);
    let Some(step) = step.filter(|step| engine.spans.want(*step)) else { return };
    engine.spans.record(Span {
        context: step.child(&engine.clock),
        parent: Some(step.span_id),
        kind: Kind::Call,
        name: format!("call {}", call.step),
        begun,
        ended: engine.clock.now(),
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

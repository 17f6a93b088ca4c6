//! Makes calls to the outside, outside of any transaction, and asks again under the same key until
//! the answer is known.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Backoff;
use ballet_fault::{self as fault, FaultPoint};
use jiff::Timestamp;

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::guard::guarded;
use crate::engine::stopping::stopped;
use crate::outgoing::spans::{Kind, Span};
use crate::tables::calls::{Answer, NewCall, note_failure};
use crate::tables::database::answered;

/// After this long an answer counts as unknown, and is asked for again.
const TIMEOUT: Duration = Duration::from_secs(30);
/// When a call that failed is made again. The number of attempts is stored with the call.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(60));

/// Makes a call that is in memory, until it has an answer or the process stops.
pub(crate) fn make(engine: &Arc<Engine>, call: NewCall) {
    let engine = Arc::clone(engine);
    let mut stopping = engine.stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = ask_until_answered(&engine, call) => {}
            () = stopped(&mut stopping) => {}
        }
    });
}

/// Asks again, after a failure to take in the answer.
pub(crate) fn ask_again(engine: &Arc<Engine>, mut call: NewCall, failure: &Failure) {
    call.attempts += 1;
    tracing::warn!(step = call.step, saga = %call.saga_id, "an answer could not be taken in: {failure}");
    let failure = failure.to_string();
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        wait_after(&engine, &call, &failure).await;
        make(&engine, call);
    });
}

/// Notes a failed attempt down and waits until it is time for the next.
async fn wait_after(engine: &Engine, call: &NewCall, failure: &str) {
    let pause = PAUSES.after(call.attempts);
    let next_at = engine.clock.now() + pause;
    fault::point(FaultPoint::BeforeNote, call);
    if let Err(error) = answered(note_failure(&engine.pool, call, failure, next_at)).await {
        tracing::warn!(key = %call.key, "a failed call could not be noted down: {error}");
    }
    fault::point(FaultPoint::AfterNote, call);
    tokio::time::sleep(pause).await;
}

async fn ask_until_answered(engine: &Arc<Engine>, mut call: NewCall) {
    let Some((_, step)) = engine.registry.step(&call.step) else {
        tracing::error!(step = call.step, key = %call.key, "an open call belongs to a step that this version does not know");
        return;
    };
    loop {
        let (answer, begun) = match engine.calls.permits.acquire().await {
            Ok(_permit) => {
                let begun = engine.clock.now();
                fault::point(FaultPoint::BeforeCall, &call);
                let asked = guarded(step.call(call.undo, call.key, &call.request));
                (tokio::time::timeout(TIMEOUT, asked).await, begun)
            }
            Err(_closed) => return,
        };
        let failure = match answer {
            Ok(Ok(answer)) => {
                fault::point(FaultPoint::AfterCall, &call);
                ballet_amqp::counter!("ballet_calls_total", "outcome" => "answered").increment(1);
                record(engine, &call, begun, None);
                (engine.answers)(Answer { call, answer });
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_elapsed) => Failure::transient(format!("no answer within {TIMEOUT:?}")),
        };
        ballet_amqp::counter!("ballet_calls_total", "outcome" => "failed").increment(1);
        record(engine, &call, begun, Some(&failure));
        call.attempts += 1;
        tracing::warn!(
            step = call.step, undo = call.undo, key = %call.key, saga = %call.saga_id,
            attempts = call.attempts, "a call failed, and is made again: {failure}"
        );
        wait_after(engine, &call, &failure.to_string()).await;
    }
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

//! Makes the calls that were left behind: those of dead processes, and those of this process that are
//! not in its memory, since a commit may have succeeded after the session was lost.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::jittered;
use ballet_fault::{self as fault, FaultPoint};

use crate::declare::failure::Failure;
use crate::engine::caller::make;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::calls;
use crate::tables::database::answered;
use crate::upkeep::others::Others;

const EVERY: Duration = Duration::from_secs(2);

/// Looks every few seconds until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    let mut pause = jittered(EVERY);
    loop {
        if let Err(failure) = sweep(&engine).await {
            tracing::warn!("a look at the open calls failed; the next is in {pause:?}: {failure}");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = EVERY,
            () = stopped(&mut stopping) => return,
        }
    }
}

async fn sweep(engine: &Arc<Engine>) -> Result<(), Failure> {
    let mut db = answered(engine.pool.acquire()).await?;
    let mut others = Others::default();
    let in_memory = engine.calls.keys();
    for (process, call) in answered(calls::open(&mut db, &in_memory, engine.clock.now())).await? {
        let ours = process == engine.relay.process;
        // A replica of another version makes the call of a step that this version does not know.
        if (!ours && !others.is_gone(&mut db, process).await?)
            || engine.registry.step(&call.step).is_none()
        {
            continue;
        }
        if engine.calls.adopt(call.key) {
            fault::point(FaultPoint::BeforeTakeOver, &call);
            answered(calls::take_over(&mut db, call.key, engine.relay.process))
                .await
                .inspect_err(|_| engine.calls.forget([&call]))?;
            fault::point(FaultPoint::AfterTakeOver, &call);
            tracing::info!(step = call.step, key = %call.key, "making a call that was left behind");
            make(engine, call);
        }
    }
    let open = answered(calls::count_open(&mut db)).await?;
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    ballet_amqp::gauge!("ballet_calls_open").set(open as f64);
    Ok(())
}

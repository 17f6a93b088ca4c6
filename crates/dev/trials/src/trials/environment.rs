//! A trial's own environment, from its start to its end.

use anyhow::Result;
use ballet::core::System;
use ballet_ops::terminal::ui;

use crate::running::long_run::{LongRun, RunPlan};
use crate::running::stop::Stop;

/// Plays a trial in a new environment, and takes it down, also after an error or a signal to end. Returns `None` after
/// a signal. `keeps_logs` decides by the result.
pub(crate) async fn play_in_environment<T>(
    system: &System,
    plan: RunPlan,
    keeps_logs: impl FnOnce(Option<&Result<T>>) -> bool,
    play: impl AsyncFnOnce(&LongRun) -> Result<T>,
) -> Result<Option<T>> {
    let mut stop = Stop::listen()?;
    let run = tokio::select! {
        run = Box::pin(LongRun::set_up(system, plan)) => run?,
        () = stop.asked() => return Ok(None),
    };
    let played = tokio::select! {
        played = Box::pin(play(&run)) => Some(played),
        () = stop.asked() => None,
    };
    ui::say("stopping the services and the servers");
    let (logs, keep) = (run.logs().to_owned(), keeps_logs(played.as_ref()));
    run.tear_down(keep).await?;
    if keep {
        ui::say(&format!("all logs are in {}", logs.display()));
    }
    played.transpose()
}

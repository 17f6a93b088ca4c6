//! Longer actions of this process: progress and stop.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet_ops::redrive::Stop;
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::actions::{self, ActionState, NewAction};

const EVERY: Duration = Duration::from_secs(1);
const TRIES: u32 = 30;

/// The actions that can be stopped.
#[derive(Debug, Default)]
pub(crate) struct RunningActions(Mutex<HashMap<Uuid, watch::Sender<bool>>>);

impl RunningActions {
    fn begin(&self, id: Uuid) -> Stop {
        let (stop, stopped) = watch::channel(false);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, stop);
        stopped
    }

    fn end(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Returns false if it does not run here.
    pub(crate) fn stop(&self, id: Uuid) -> bool {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stop) = running.get(&id) else { return false };
        stop.send_replace(true);
        true
    }
}

#[derive(Debug)]
pub(crate) struct ActionOutcome {
    pub(crate) standing: ActionState,
    /// The outcome in words, one sentence a line.
    pub(crate) outcome: String,
}

impl ActionOutcome {
    pub(crate) fn new(standing: ActionState, outcome: impl Into<String>) -> Self {
        Self { standing, outcome: outcome.into() }
    }

    pub(crate) fn failed(why: &(impl ToString + ?Sized)) -> Self {
        Self::new(ActionState::Failed, why.to_string())
    }

    pub(crate) fn say(&mut self, sentence: &str) {
        // Writing to a string cannot fail.
        write!(self.outcome, "\n{sentence}").ok();
    }
}

#[derive(Debug, Default)]
pub(crate) struct ProgressText(Mutex<String>);

impl ProgressText {
    pub(crate) fn say(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn said(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs the action in its own task, so that it outlasts the request. One that cannot be recorded is not done.
pub(crate) async fn begin<W, F>(
    pool: &PgPool,
    running: &Arc<RunningActions>,
    new: &NewAction<'_>,
    work: W,
) -> Result<(), sqlx::Error>
where
    W: FnOnce(Stop, Arc<ProgressText>) -> F,
    F: Future<Output = ActionOutcome> + Send + 'static,
{
    tracing::info!(by = new.by, act = new.deed.act, what = new.deed.what, "an operator acts");
    actions::begin(pool, new).await?;
    let (pool, running, id) = (pool.clone(), Arc::clone(running), new.id);
    let says = Arc::new(ProgressText::default());
    let work = work(running.begin(id), Arc::clone(&says));
    tokio::spawn(async move {
        let ended = record_progress(&pool, id, &says, work).await;
        running.end(id);
        // The action is done, so it is worth recording.
        for _ in 0..TRIES {
            match actions::goes_on(&pool, id, ended.standing, &ended.outcome).await {
                Ok(()) => break,
                Err(error) => tracing::warn!("what came of an action is not written down: {error}"),
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    Ok(())
}

/// Every second.
async fn record_progress(
    pool: &PgPool,
    id: Uuid,
    says: &ProgressText,
    work: impl Future<Output = ActionOutcome>,
) -> ActionOutcome {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => break ended,
            () = tokio::time::sleep(EVERY) => {
                let told = actions::goes_on(pool, id, ActionState::Running, &says.said()).await;
                if let Err(error) = told {
                    tracing::warn!("how far an action is cannot be written down: {error}");
                }
            }
        }
    }
}

//! A trial's running system with its customers, and everything that it publishes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::wait_until;
use uuid::Uuid;

use crate::customers::begun_saga::End;
use crate::load::load::{CustomerMix, Load};
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::system::subject::Subject;

/// The limit for what hangs. No result depends on speed: any service may be dead, and on a busy machine each is slow to
/// start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Scene<'a> {
    pub(crate) subject: &'a Arc<Subject>,
    pub(crate) run: &'a LongRun,
    pub(crate) recorder: Recorder,
    pub(crate) load: Load,
}

impl<'a> Scene<'a> {
    /// Starts to record. The services need not be ready.
    pub(crate) async fn set_up(
        subject: &'a Arc<Subject>,
        run: &'a LongRun,
        mix: CustomerMix,
    ) -> Result<Self> {
        let recorder = Recorder::start(run, subject).await?;
        let load = Load::new(run, subject, &recorder, mix)?;
        Ok(Self { subject, run, recorder, load })
    }

    pub(crate) fn ended(&self, saga: Uuid) -> Option<End> {
        self.recorder.record().ended(saga).cloned()
    }

    pub(crate) async fn ends(&self, saga: Uuid) -> Result<End> {
        let ended = wait_until("the end of a saga", PATIENCE, || async {
            Ok::<_, String>(self.ended(saga))
        });
        ended.await.with_context(|| format!("saga {saga} does not end"))
    }
}

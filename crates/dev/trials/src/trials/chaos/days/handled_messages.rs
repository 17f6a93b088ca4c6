//! Days pass fast here, and an inbox forgets after some, so messages are checked during the run.

use std::collections::HashSet;

use anyhow::Result;
use uuid::Uuid;

use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::trials::oracle::not_handled;

/// Handled by all their consumers, as far as known.
#[derive(Debug, Default)]
pub(crate) struct HandledMessages(HashSet<Uuid>);

impl HandledMessages {
    pub(crate) async fn check(&mut self, run: &LongRun, recorder: &Recorder) -> Result<()> {
        let messages: Vec<(Uuid, String)> = {
            let record = recorder.record();
            let new = record.messages.iter().filter(|(id, _)| !self.0.contains(id));
            new.map(|(id, message)| (*id, message.event_type.clone())).collect()
        };
        let missing = not_handled(run, &messages).await?;
        let missing: HashSet<Uuid> = missing.into_iter().map(|(_, id)| id).collect();
        self.0.extend(messages.into_iter().map(|(id, _)| id).filter(|id| !missing.contains(id)));
        Ok(())
    }

    pub(crate) fn all(&self) -> HashSet<Uuid> {
        self.0.clone()
    }
}

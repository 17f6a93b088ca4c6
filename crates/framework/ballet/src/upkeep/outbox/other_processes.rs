//! The other processes seen during one sweep.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ballet_store::process;
use sqlx::PgConnection;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;

/// The other processes seen during one sweep, and whether each is gone.
#[derive(Debug, Default)]
pub(crate) struct OtherProcesses(HashMap<i64, bool>);

impl OtherProcesses {
    pub(crate) async fn is_gone(
        &mut self,
        db: &mut PgConnection,
        process: i64,
    ) -> Result<bool, Failure> {
        Ok(match self.0.entry(process) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                *unknown.insert(answered(process::is_gone(db, process)).await?)
            }
        })
    }

    pub(crate) fn knows_gone(&self, process: i64) -> bool {
        self.0.get(&process) == Some(&true)
    }

    pub(crate) fn alive(&self) -> Vec<i64> {
        self.0.iter().filter(|(_, gone)| !**gone).map(|(process, _)| *process).collect()
    }

    /// Returns true if there were any that are not known yet.
    pub(crate) async fn check_new(
        &mut self,
        db: &mut PgConnection,
        own: i64,
        processes: impl Iterator<Item = i64>,
    ) -> Result<bool, Failure> {
        let before = self.0.len();
        for process in processes.filter(|process| *process != own) {
            self.is_gone(db, process).await?;
        }
        Ok(self.0.len() > before)
    }
}

//! The running processes of a program, and whether one has ended by itself.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_stage::{Children, wait_until};

use crate::participant::program::Program;
use crate::participant::rig::process::ProgramProcess;

pub(crate) struct ProgramProcesses {
    program: Program,
    children: Children,
    running: Mutex<Vec<ProgramProcess>>,
}

impl ProgramProcesses {
    pub(crate) fn of(program: Program) -> Result<Self, String> {
        let children = Children::new().map_err(|error| error.to_string())?;
        Ok(Self { program, children, running: Mutex::default() })
    }

    /// Returns how many run.
    pub(crate) async fn start(&self, amqp_url: &str, database_url: &str) -> Result<u64, String> {
        let process =
            ProgramProcess::start(&self.children, &self.program, amqp_url, database_url).await;
        let process = process.map_err(|error| error.to_string())?;
        let mut running = self.running();
        running.push(process);
        Ok(running.len() as u64)
    }

    pub(crate) async fn kill(&self) {
        for process in self.take_all() {
            process.kill().await;
        }
    }

    pub(crate) async fn stop(&self, patience: Duration) -> Result<(), String> {
        for process in self.take_all() {
            process.stop(patience).await?;
        }
        Ok(())
    }

    /// A process that ends by itself ends the wait.
    pub(crate) async fn wait<T, F>(
        &self,
        limit: Duration,
        what: &str,
        mut probe: impl FnMut() -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<Option<T>, String>>,
    {
        let ended = || self.running().iter_mut().find_map(ProgramProcess::exit);
        let found = wait_until(what, limit, || {
            let (ended, next) = (ended(), probe());
            async move {
                match ended {
                    Some(ended) => Ok::<_, String>(Some(Err(ended))),
                    None => Ok(next.await?.map(Ok)),
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(error) => {
                let said: String = self.running().iter().map(ProgramProcess::last_output).collect();
                Err(format!("{error}\n  the program said\n{said}"))
            }
        }
    }

    fn take_all(&self) -> Vec<ProgramProcess> {
        std::mem::take(&mut *self.running())
    }

    fn running(&self) -> MutexGuard<'_, Vec<ProgramProcess>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

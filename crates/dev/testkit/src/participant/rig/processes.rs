//! The running processes of a program, and whether one has ended by itself.

use std::fs::{self, OpenOptions};
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_stage::{Child, Children, last_lines, set_addresses, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::participant::program::Program;
use crate::participant::rig::world::{ScenarioWorld, to_failure};

pub(crate) struct ProgramProcesses {
    program: Program,
    children: Children,
    /// What all of them say.
    log: PathBuf,
    running: Mutex<Vec<Child>>,
}

impl ProgramProcesses {
    pub(crate) fn of(program: Program) -> Result<Self, String> {
        let children = Children::new().map_err(to_failure)?;
        let name = format!("ballet-participant-{}.log", ScenarioWorld::new_id());
        let log = std::env::temp_dir().join(name);
        Ok(Self { program, children, log, running: Mutex::default() })
    }

    /// Returns how many run.
    pub(crate) async fn start(&self, amqp_url: &str, database_url: &str) -> Result<u64, String> {
        let Program { program, args, dir, env } = &self.program;
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.map_err(to_failure)?;
        let errors = log.try_clone().map_err(to_failure)?;
        let child = self.children.start(program, &[], |command| {
            command.args(args).envs(env.iter().map(|(name, value)| (name, value)));
            set_addresses(command, amqp_url, database_url).stdout(log).stderr(errors);
            if let Some(dir) = dir {
                command.current_dir(dir);
            }
        });
        let child = child.await.map_err(to_failure)?;
        let mut running = self.running();
        running.push(child);
        Ok(running.len() as u64)
    }

    /// Kills their children, too.
    pub(crate) async fn kill(&self) {
        for mut child in self.take_all() {
            child.signal(Signal::KILL);
            // It has already ended.
            child.wait().await.ok();
        }
    }

    /// Waits for their ends, which must be successes.
    pub(crate) async fn stop(&self, patience: Duration) -> Result<(), String> {
        for mut child in self.take_all() {
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            // Only the process itself: it has to end its own children.
            let asked = pid.map(|pid| kill_process(pid, Signal::TERM));
            asked.ok_or("it has ended")?.map_err(|error| format!("it has ended: {error}"))?;
            match tokio::time::timeout(patience, child.wait()).await {
                Ok(Ok(status)) if status.success() => {}
                Ok(Ok(status)) => return Err(format!("after SIGTERM {}", self.end(status))),
                Ok(Err(error)) => return Err(format!("nobody can wait for it: {error}")),
                Err(_) => {
                    let said = self.last_output();
                    return Err(format!("it runs {patience:?} after SIGTERM; it said\n{said}"));
                }
            }
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
        let ended = || self.running().iter_mut().find_map(Child::ended);
        let found = wait_until(what, limit, || {
            let (ended, next) = (ended().map(|status| self.end(status)), probe());
            async move {
                match ended {
                    Some(ended) => Ok::<_, String>(Some(Err(ended))),
                    None => Ok(next.await?.map(Ok)),
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(error) => Err(format!("{error}\n  the program said\n{}", self.last_output())),
        }
    }

    fn end(&self, status: ExitStatus) -> String {
        let (program, said) = (self.program.program.display(), self.last_output());
        format!("the program ended with {status} ({program}); it said\n{said}")
    }

    fn last_output(&self) -> String {
        last_lines(&self.log, 20).lines().map(|line| format!("    {line}\n")).collect()
    }

    fn take_all(&self) -> Vec<Child> {
        std::mem::take(&mut *self.running())
    }

    fn running(&self) -> MutexGuard<'_, Vec<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ProgramProcesses {
    fn drop(&mut self) {
        fs::remove_file(&self.log).ok();
    }
}

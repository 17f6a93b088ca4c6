//! Programs, and what they take of the machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::usage::{self, Snapshot};
use ballet_stage::{Child, Children};

const PATIENCE: Duration = Duration::from_secs(10);

/// A program, with all that it starts.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with as many worker threads as it may have, if it is one of ours.
    pub(crate) async fn start(
        children: &Children,
        program: &Path,
        args: &[&str],
        threads: usize,
        log: &Path,
    ) -> Result<Self> {
        let cannot = || format!("cannot start {}", program.display());
        let file = File::create(log).with_context(cannot)?;
        let errors = file.try_clone().with_context(cannot)?;
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let child = children.start(program, &args, |command| {
            command.env("TOKIO_WORKER_THREADS", threads.to_string()).env_remove("LOG");
            command.stdout(file).stderr(errors);
        });
        Ok(Self { child: child.await?, log: log.to_owned() })
    }

    /// Milliseconds of processor time until now.
    pub(crate) fn processor(&self) -> Result<f64> {
        Ok(Snapshot::take()?.milliseconds(&[self.root()]))
    }

    /// The most memory that it had, in megabytes, all its processes together.
    pub(crate) fn memory(&self) -> Result<f64> {
        let started = Snapshot::take()?.descendants(self.root());
        let all = started.into_iter().chain([self.root()]);
        Ok(all.filter_map(usage::memory).map(|(_, most)| most).sum())
    }

    /// The last lines that it wrote.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    pub(crate) async fn stop(self) {
        self.child.stop(PATIENCE).await;
    }

    fn root(&self) -> i32 {
        self.child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default()
    }
}

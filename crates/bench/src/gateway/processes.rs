//! Programs that end with this one, and what they take of the machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

use ballet_stage::usage::{self, Snapshot};

/// Ends the program when our end of the pipe closes, however we end.
const LIFELINE: &str = r#""$@" & program=$!; read -r end; kill "$program"; wait "$program""#;
const PATIENCE: Duration = Duration::from_secs(10);

/// A program, with all that it starts.
#[derive(Debug)]
pub(crate) struct Process {
    shell: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with as many worker threads as it may have, if it is one of ours.
    pub(crate) fn start(program: &Path, args: &[&str], threads: usize, log: &Path) -> Result<Self> {
        let cannot = || format!("cannot start {}", program.display());
        let file = File::create(log).with_context(cannot)?;
        let errors = file.try_clone().with_context(cannot)?;
        let mut command = Command::new("sh");
        command.args(["-c", LIFELINE, "sh"]).arg(program).args(args);
        command.env("TOKIO_WORKER_THREADS", threads.to_string()).env_remove("LOG");
        command.stdin(Stdio::piped()).stdout(file).stderr(errors).kill_on_drop(true);
        let shell = command.spawn().with_context(cannot)?;
        Ok(Self { shell, log: log.to_owned() })
    }

    /// Milliseconds of processor time until now.
    pub(crate) fn processor(&self) -> Result<f64> {
        Ok(Snapshot::take()?.milliseconds(&[self.root()]))
    }

    /// The most memory that it had, in megabytes, all its processes together.
    pub(crate) fn memory(&self) -> Result<f64> {
        let all = Snapshot::take()?.descendants(self.root());
        Ok(all.into_iter().filter_map(usage::memory).map(|(_, most)| most).sum())
    }

    /// The last lines that it wrote.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    pub(crate) async fn stop(mut self) {
        drop(self.shell.stdin.take());
        if tokio::time::timeout(PATIENCE, self.shell.wait()).await.is_err() {
            // What is left ends with its group.
            self.shell.kill().await.ok();
        }
    }

    fn root(&self) -> i32 {
        self.shell.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default()
    }
}

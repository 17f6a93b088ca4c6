//! A participant's process.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::participant::program::Program;
use ballet_stage::{Error, Result, set_addresses};

/// The number of output lines kept for an error message.
const LINES: usize = 20;
/// A shell script that kills the process when the test process is gone, for whatever reason.
const WATCHDOG: &str = r#"read -r _; kill -9 -- "-$1""#;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct ProgramProcess {
    child: Child,
    pid: Pid,
    output: OutputLines,
    _watchdog: Child,
}

type OutputLines = Arc<Mutex<VecDeque<String>>>;

impl ProgramProcess {
    pub(crate) fn start(program: &Program, amqp_url: &str, database_url: &str) -> Result<Self> {
        let what = || format!("start {}", program.program.display());
        let mut command = Command::new(&program.program);
        command
            .args(&program.args)
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(dir) = &program.dir {
            command.current_dir(dir);
        }
        set_addresses(&mut command, amqp_url, database_url);
        let mut child = command.spawn().map_err(|source| cannot(what(), source))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = id.ok_or_else(|| cannot(what(), std::io::Error::other("it has no id")))?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", &pid.as_raw_nonzero().to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| {
                cannot("start sh, which watches over the program".to_owned(), source)
            })?;
        let output = OutputLines::default();
        keep(child.stdout.take(), &output);
        keep(child.stderr.take(), &output);
        Ok(Self { child, pid, output, _watchdog: watchdog })
    }

    /// Returns how it ended, with its last output, if it has ended.
    pub(crate) fn exit(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(self.end(status))
    }

    /// Kills it and its children with SIGKILL.
    pub(crate) async fn kill(mut self) {
        // An error means that it is gone.
        kill_process_group(self.pid, Signal::KILL).ok();
        self.child.wait().await.ok();
    }

    /// Asks it to stop, and waits for its end, which must be a success.
    pub(crate) async fn stop(mut self, patience: Duration) -> Result<(), String> {
        kill_process(self.pid, Signal::TERM).map_err(|error| format!("it has ended: {error}"))?;
        let Ok(ended) = tokio::time::timeout(patience, self.child.wait()).await else {
            return Err(format!(
                "it runs {patience:?} after SIGTERM; it said\n{}",
                self.last_output()
            ));
        };
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("after SIGTERM {}", self.end(status))),
            Err(error) => Err(format!("nobody can wait for it: {error}")),
        }
    }

    fn end(&self, status: ExitStatus) -> String {
        format!("the program ended with {status}; it said\n{}", self.last_output())
    }

    /// Returns its last output.
    pub(crate) fn last_output(&self) -> String {
        let lines = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("    {line}\n")).collect()
    }
}

fn keep(from: Option<impl AsyncRead + Send + Unpin + 'static>, output: &OutputLines) {
    let Some(from) = from else { return };
    let output = Arc::clone(output);
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    });
}

fn cannot(what: String, source: std::io::Error) -> Error {
    Error::Machine { what, source }
}

//! A participant's process.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet_stage::{Child, Children, Result, set_addresses};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::participant::program::Program;

const LINES: usize = 20;

/// Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct ProgramProcess {
    child: Child,
    program: String,
    output: OutputLines,
}

type OutputLines = Arc<Mutex<VecDeque<String>>>;

impl ProgramProcess {
    pub(crate) async fn start(
        children: &Children,
        program: &Program,
        amqp_url: &str,
        database_url: &str,
    ) -> Result<Self> {
        let child = children.start(&program.program, &[], |command| {
            command.args(&program.args).envs(program.env.iter().map(|(name, value)| (name, value)));
            set_addresses(command, amqp_url, database_url);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            if let Some(dir) = &program.dir {
                command.current_dir(dir);
            }
        });
        let (mut child, output) = (child.await?, OutputLines::default());
        keep(child.stdout(), &output);
        keep(child.stderr(), &output);
        let program = program.program.to_string_lossy().into_owned();
        Ok(Self { child, program, output })
    }

    /// Returns how it ended, with its last output, if it has.
    pub(crate) fn exit(&mut self) -> Option<String> {
        let status = self.child.ended()?;
        Some(self.end(status))
    }

    /// Kills its children, too.
    pub(crate) async fn kill(mut self) {
        self.child.signal(Signal::KILL);
        // It has already ended.
        self.child.wait().await.ok();
    }

    /// Waits for its end, which must be a success.
    pub(crate) async fn stop(mut self, patience: Duration) -> Result<(), String> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // Only the process itself: it has to end its own children.
        let asked = pid.map(|pid| kill_process(pid, Signal::TERM));
        asked.ok_or("it has ended")?.map_err(|error| format!("it has ended: {error}"))?;
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
        let (program, said) = (&self.program, self.last_output());
        format!("the program ended with {status} ({program}); it said\n{said}")
    }

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

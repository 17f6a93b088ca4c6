//! Runs a process to its end, and measures its time, processor time and memory.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval};

use ballet_stage::usage::{self, CpuSnapshot};

/// The interval between two looks at its memory. The system's own peak can only be read while it runs.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The cost of a process.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct ProcessCost {
    /// The seconds from start to end.
    pub(crate) seconds: f64,
    /// The milliseconds of processor time.
    pub(crate) milliseconds: f64,
    /// The peak memory, in megabytes.
    pub(crate) memory: f64,
}

impl ProcessCost {
    /// The cost of two processes, one after the other.
    pub(crate) fn then(self, other: Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            milliseconds: self.milliseconds + other.milliseconds,
            memory: self.memory.max(other.memory),
        }
    }
}

/// A process that runs.
pub(crate) struct TimedProcess {
    child: Child,
    what: String,
    begun: Instant,
    /// The processor time of earlier children.
    before: f64,
}

impl TimedProcess {
    pub(crate) fn start(program: &Path, args: &[&str], out: Stdio) -> Result<Self> {
        let what = format!(
            "{} {}",
            program.file_name().unwrap_or_default().display(),
            args.first().unwrap_or(&"")
        );
        let before = ended()?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
        command.env_remove("AMQP_URL").env_remove("DATABASE_URL").kill_on_drop(true);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {what}"))?;
        Ok(Self { child, what, begun, before })
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.child.id().and_then(|id| i32::try_from(id).ok())
    }

    /// Waits for the end of the process.
    pub(crate) async fn end(mut self) -> Result<(ProcessCost, ExitStatus, String)> {
        let mut said = self.child.stderr.take().context("no standard error")?;
        let said = tokio::spawn(async move {
            let mut text = Vec::new();
            tokio::io::copy(&mut said, &mut text).await.ok();
            String::from_utf8_lossy(&text).into_owned()
        });
        let (pid, mut memory) = (self.pid().unwrap_or_default(), 0.0);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status?,
                _ = look.tick() => memory = usage::memory(pid).map_or(memory, |(_, most)| most),
            }
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        let took = ProcessCost { seconds, milliseconds: ended()? - self.before, memory };
        Ok((took, status, said.await?))
    }

    /// Waits for the end, and fails if the exit code is not 0.
    pub(crate) async fn done(self) -> Result<ProcessCost> {
        let what = self.what.clone();
        let (took, status, said) = self.end().await?;
        if !status.success() {
            bail!("{what} ended with {status}: {}", said.trim());
        }
        Ok(took)
    }
}

/// Runs a program to its end.
pub(crate) async fn run(program: &Path, args: &[&str]) -> Result<ProcessCost> {
    TimedProcess::start(program, args, Stdio::null())?.done().await
}

fn ended() -> Result<f64> {
    Ok(CpuSnapshot::take()?.ended(i32::try_from(std::process::id())?))
}

//! A program beside us: its log, use of the machine, and end.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ballet_stage::usage::{self, CpuSnapshot};
use ballet_stage::{Child, Children, last_lines};
use rustix::process::Signal;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct MeasuredProcess {
    child: Child,
    log: PathBuf,
}

impl MeasuredProcess {
    /// Adds its output to the log. `adjust` sets the environment.
    pub(crate) async fn start(
        children: &Children,
        program: &Path,
        args: &[&str],
        log: &Path,
        adjust: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let cannot = || format!("cannot start {}", program.display());
        let file = OpenOptions::new().create(true).append(true).open(log).with_context(cannot)?;
        let errors = file.try_clone().with_context(cannot)?;
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let child = children.start(program, &args, |command| {
            adjust(command.stdout(file).stderr(errors));
        });
        Ok(Self { child: child.await?, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> Option<i32> {
        self.child.id().and_then(|id| i32::try_from(id).ok())
    }

    pub(crate) fn check(&self) -> Result<()> {
        let runs = |id| fs::exists(format!("/proc/{id}/exe")).unwrap_or(false);
        ensure!(
            self.id().is_some_and(runs),
            "a service has ended; {} ends with\n{}",
            self.log.display(),
            self.last_lines()
        );
        Ok(())
    }

    /// In milliseconds.
    pub(crate) fn processor(&self) -> Result<f64> {
        Ok(CpuSnapshot::take()?.milliseconds(&[self.root()]))
    }

    /// All processes together at the peak, in megabytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let started = CpuSnapshot::take()?.descendants(self.root());
        let all = started.into_iter().chain([self.root()]);
        Ok(all.filter_map(usage::memory).map(|(_, most)| most).sum())
    }

    pub(crate) fn last_lines(&self) -> String {
        last_lines(&self.log, 5)
    }

    pub(crate) fn terminate(&self) {
        self.child.signal(Signal::TERM);
    }

    pub(crate) async fn stop(self) {
        self.child.stop(PATIENCE).await;
    }

    fn root(&self) -> i32 {
        self.id().unwrap_or_default()
    }
}

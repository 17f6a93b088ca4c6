//! Child processes that end with this one, however it ends.

use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child as Process, ChildStderr, ChildStdout, Command};

use crate::error::{Result, machine};

/// Waits for a line of input before it becomes the program. The watchdog learns of the process group first, so a kill
/// in between leaves no process.
pub(crate) const GATE: &str = r#"read -r go && exec "$@" </dev/null"#;

/// A shell in its own group, whose input closes when we end. The script waits for that.
pub(crate) fn watchdog(script: &str) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, "ballet-watchdog"]).current_dir("/").process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// Starts processes. Each leads its own group, so Ctrl-C reaches only us.
#[derive(Debug, Clone)]
pub struct Children {
    /// When this input closes, even because we die, the watchdog ends all children.
    lifeline: Arc<Mutex<std::process::ChildStdin>>,
}

/// A process that we started, with all its descendants.
#[derive(Debug)]
pub struct Child {
    process: Process,
    group: Option<Pid>,
    children: Children,
}

impl Children {
    /// Starts the watchdog, which ends the children if this process is killed.
    ///
    /// # Errors
    ///
    /// If there is no `sh`.
    pub fn new() -> Result<Self> {
        let mut watchdog = watchdog(include_str!("watchdog.sh"))
            .spawn()
            .map_err(machine("start sh, which ends our child processes if we are killed"))?;
        let lifeline = watchdog.stdin.take();
        let lifeline = lifeline.ok_or_else(|| std::io::Error::other("it has no standard input"));
        let lifeline = lifeline.map_err(machine("talk to the watchdog of our child processes"))?;
        // The watchdog outlives us.
        Ok(Self { lifeline: Arc::new(Mutex::new(lifeline)) })
    }

    /// Starts a program. `adjust` sets its environment, directory and outputs.
    ///
    /// # Errors
    ///
    /// If the process cannot be made. A program that cannot run ends at once, and `sh` says why.
    pub async fn start(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        args: &[String],
        adjust: impl FnOnce(&mut Command),
    ) -> Result<Child> {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new("sh");
        command.args(["-c", GATE, "sh"]).arg(program).args(args);
        adjust(&mut command);
        command.stdin(Stdio::piped()).process_group(0);
        let start = || machine(format!("start {name}"));
        let mut process = command.spawn().map_err(start())?;
        let group = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let gate = process.stdin.take();
        let child = Child { process, group, children: self.clone() };
        let announced = group.map_or(Ok(()), |group| self.notify('+', group));
        announced.map_err(machine(format!("start {name}, because its watchdog is gone")))?;
        if let Some(mut gate) = gate {
            gate.write_all(b"go\n").await.map_err(start())?;
        }
        Ok(child)
    }

    fn notify(&self, sign: char, group: Pid) -> std::io::Result<()> {
        let mut lifeline = self.lifeline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(lifeline, "{sign}{}", group.as_raw_nonzero())
    }
}

impl Child {
    /// Returns the process id while the process runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Takes the standard output, if piped and not yet taken.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Takes the standard error, if piped and not yet taken.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits until the process ends.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.process.wait().await.map_err(machine("wait for a process"))?;
        self.forget();
        Ok(status)
    }

    /// Returns the process's exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.process.try_wait().ok().flatten();
        if status.is_some() {
            self.forget();
        }
        status
    }

    /// Asks the process and its descendants to end, and kills the rest after `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.process.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // An error means that it has ended.
            self.process.wait().await.ok();
        }
        // It may have left processes.
        self.signal(Signal::KILL);
        self.forget();
    }

    /// Sends a signal to the process and its descendants.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that no process is left.
            kill_process_group(group, signal).ok();
        }
    }

    /// The group's number may soon be another group's.
    fn forget(&mut self) {
        if let Some(group) = self.group.take() {
            self.children.notify('-', group).ok();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[tokio::test]
    async fn what_was_started_ends_when_its_owner_is_gone() {
        let children = Children::new().expect("a watchdog");
        let sleep = |seconds: &str| [seconds.to_owned()];
        let mut left = children.start("sleep", &sleep("600"), |_| ()).await.expect("a process");
        let mut ended = children.start("sleep", &sleep("0"), |_| ()).await.expect("a process");
        assert!(ended.wait().await.expect("an end").success());
        assert_eq!(left.ended(), None);
        // As if this process had ended.
        left.children = Children::new().expect("another watchdog");
        drop((children, ended));
        let status = tokio::time::timeout(Duration::from_secs(60), left.process.wait()).await;
        let status = status.expect("it ends in time").expect("an end");
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    }

    #[tokio::test]
    async fn a_stop_ends_what_does_not_listen() {
        let children = Children::new().expect("a watchdog");
        let deaf = ["-c".to_owned(), "trap '' TERM; exec sleep 600".to_owned()];
        let child = children.start("sh", &deaf, |_| ()).await.expect("a process");
        let group = child.group.expect("a group");
        tokio::time::sleep(Duration::from_millis(200)).await;
        child.stop(Duration::from_millis(200)).await;
        assert!(kill_process_group(group, Signal::TERM).is_err(), "a process is left");
    }
}

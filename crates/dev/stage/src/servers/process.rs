//! A server's process: starts it, and ends it with all its children.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::error::{Error, Result, machine};
use crate::processes::children::GATE;
use crate::processes::service::last_lines;
use crate::wait::wait_until;

const LONGEST_SIGNAL: Duration = Duration::from_secs(10);

/// It leads its own process group, since Ctrl-C is for the owner. The watchdog kills it, not a drop.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    pid: Pid,
    exit: Arc<OnceLock<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct ServerLaunch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    /// Inherited variables with these prefixes would change the server.
    pub(crate) forget_env: &'static str,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) user: Option<SystemUser>,
    /// Names the process group to the watchdog.
    pub(crate) group_file: PathBuf,
    pub(crate) stop_signal: &'static str,
}

/// A server's ordinary user when we are root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl ServerProcess {
    pub(crate) fn start(launch: &ServerLaunch) -> Result<Self> {
        let name = launch.program.display();
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log)
            .map_err(machine(format!("write {}", launch.log.display())))?;
        let errors = log.try_clone().map_err(machine("share a log file"))?;
        let mut command = Command::new("sh");
        command.args(["-c", GATE, "sh"]).arg(&launch.program).args(&launch.args);
        forget_env(&mut command, launch.forget_env);
        command
            .envs(launch.env.iter().map(|(key, value)| (*key, value.as_str())))
            .current_dir(&launch.dir)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        if let Some(user) = launch.user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = command.spawn().map_err(machine(format!("start {name}")))?;
        let pid = Pid::from_child(&child);
        let record = format!("{} {}\n", launch.stop_signal, pid.as_raw_nonzero());
        let opened = fs::write(&launch.group_file, record)
            .and_then(|()| child.stdin.take().map_or(Ok(()), |mut gate| gate.write_all(b"go\n")));
        let process = Self::watch(child);
        opened.map_err(machine(format!("start {name}")))?;
        Ok(process)
    }

    /// Reaps in a thread, because each test's runtime ends too early for a task.
    pub(crate) fn watch(mut child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let exit = Arc::new(OnceLock::new());
        let report = Arc::clone(&exit);
        std::thread::spawn(move || {
            let text = child.wait().map_or_else(|error| error.to_string(), |end| end.to_string());
            report.get_or_init(|| text);
        });
        Self { pid, exit }
    }

    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn exited(&self) -> Option<&str> {
        self.exit.get().map(String::as_str)
    }

    /// Signals the process, its group, and descendants in other groups.
    pub(crate) fn signal(&self, signal: Signal) {
        // Another process may have its number.
        if self.exited().is_some() {
            return;
        }
        let begun = Instant::now();
        let mut signalled = HashSet::new();
        let mut family = descendants(self.id());
        loop {
            // An error means that a process is gone.
            kill_process_group(self.pid, signal).ok();
            for pid in &family {
                kill_process(*pid, signal).ok();
            }
            signalled.extend(family);
            // A process may fork until it has stopped.
            let moves = |pid: &Pid| state(*pid).is_some_and(|state| !"TtZX".contains(state));
            let moving =
                signal == Signal::STOP && (moves(&self.pid) || signalled.iter().any(moves));
            family = descendants(self.id());
            let done = !moving && family.iter().all(|pid| signalled.contains(pid));
            // A process that waits for its disk stops later.
            if done || begun.elapsed() > LONGEST_SIGNAL {
                return;
            }
        }
    }

    /// Waits until the process and its descendants are gone.
    pub(crate) async fn kill(&self) -> Result<()> {
        let family = descendants(self.id());
        self.signal(Signal::KILL);
        wait_until("killed processes to be gone", Duration::from_secs(60), || async {
            if self.exited().is_none() {
                return Err(format!("process {} is still there", self.id()));
            }
            // "Not permitted" means another user's living process.
            let left = family.iter().find(|pid| is_running(**pid));
            left.map_or(Ok(Some(())), |pid| Err(format!("child {pid} is still there")))
        })
        .await
    }
}

/// A process that waits to be reaped does not count.
fn is_running(pid: Pid) -> bool {
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    state(pid) != Some('Z')
}

/// Reads the state of a process as a letter, from `/proc`.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Postgres' backends and Erlang's helpers leave the group of their parent.
fn descendants(root: i32) -> Vec<Pid> {
    let table = parents();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(table.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// Reads every process with its parent: from `/proc`, or from `ps` if there is none.
fn parents() -> Vec<(i32, i32)> {
    if let Ok(entries) = fs::read_dir("/proc") {
        let of = |pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        return pids.filter_map(of).collect();
    }
    let Ok(listing) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else {
        return Vec::new();
    };
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    String::from_utf8_lossy(&listing.stdout).lines().filter_map(pair).collect()
}

/// The words in `prefixes` begin their names.
pub(crate) fn forget_env(command: &mut Command, prefixes: &str) {
    let unwanted = |name: &OsStr| {
        let name = name.to_string_lossy();
        prefixes.split(' ').any(|prefix| !prefix.is_empty() && name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| unwanted(name)) {
        command.env_remove(name);
    }
}

pub(crate) fn start_failed(server: &'static str, cause: String, log: &Path) -> Error {
    Error::StartFailed { server, cause, log: log.to_owned(), tail: last_lines(log, 15) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like a Postgres whose clients connect: each child leaves the group.
    const FORKS: &str = "while :; do setsid sleep 0.2 & done";

    #[test]
    fn a_child_that_is_born_during_a_stop_is_stopped_as_well() {
        for _ in 0..5 {
            let mut command = Command::new("sh");
            let child = command.args(["-c", FORKS]).process_group(0).spawn().unwrap();
            let forks = ServerProcess::watch(child);
            while descendants(forks.id()).len() < 5 {
                std::thread::yield_now();
            }
            forks.signal(Signal::STOP);
            let is_stopped = |pid: &Pid| state(*pid).is_none_or(|state| "TZ".contains(state));
            let family = descendants(forks.id());
            let running: Vec<_> = family.iter().filter(|pid| !is_stopped(pid)).collect();
            forks.signal(Signal::KILL);
            assert_eq!(running, <[&Pid; 0]>::default());
        }
    }
}

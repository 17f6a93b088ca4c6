//! The signals that a process handles.

use rustix::process::Signal;

/// Before that, the signal kills the process, which says nothing about its stop.
pub(super) fn hears_sigterm(pid: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return true };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|caught| u64::from_str_radix(caught.trim(), 16).ok());
    caught.is_none_or(|caught| caught & (1 << (Signal::TERM.as_raw() - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_hears_sigterm_once_it_handles_it() {
        for (script, hears) in [("echo; read -r _", false), ("trap : TERM; echo; read -r _", true)]
        {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut shell = command.spawn().expect("sh");
            let mut said = BufReader::new(shell.stdout.take().expect("its output"));
            said.read_line(&mut String::new()).expect("a line");
            assert_eq!(hears_sigterm(shell.id()), hears, "{script}");
            drop(shell.stdin.take());
            shell.wait().expect("its end");
        }
    }
}

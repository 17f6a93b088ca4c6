//! A command that a test runs to its end: its output and its exit code.

use std::process::Output;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(120);

/// The output and exit status of a command.
#[derive(Debug)]
pub struct CommandOutput {
    /// The result, from standard output.
    pub out: String,
    /// The messages for people, from standard error.
    pub err: String,
    pub code: Option<i32>,
}

/// Runs a command to its end.
pub async fn ended(mut command: Command) -> CommandOutput {
    ended_within(LIMIT, &mut command).await
}

/// Runs a command to its end within a limit, after which it is killed.
pub async fn ended_within(limit: Duration, command: &mut Command) -> CommandOutput {
    let output = command.kill_on_drop(true).output();
    let output = timeout(limit, output).await.expect("it ends in time");
    output.expect("it runs").into()
}

/// Waits for the end of a running command.
pub async fn end_of(command: Child) -> CommandOutput {
    let output = timeout(LIMIT, command.wait_with_output()).await.expect("it ends in time");
    output.expect("an end").into()
}

/// Interrupts a command as Ctrl-C does.
pub fn interrupt(command: &Child) {
    send(command, Signal::INT);
}

/// Sends a command a signal.
pub fn send(command: &Child, signal: Signal) {
    let pid = command.id().expect("it runs").cast_signed();
    kill_process(Pid::from_raw(pid).expect("a process"), signal).expect("sent");
}

/// Asserts that a text has all of these words.
#[track_caller]
pub fn has_all(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let Output { status, stdout, stderr } = output;
        Self { out: text(stdout), err: text(stderr), code: status.code() }
    }
}

#[allow(clippy::return_self_not_must_use, reason = "an assertion may be the last one")]
impl CommandOutput {
    /// Asserts that the command succeeded. Returns its result.
    #[track_caller]
    pub fn succeeds(self) -> String {
        self.ends_with(0).out
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.both());
        self
    }

    /// Asserts that the result has all of these words.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Self {
        let all = words.iter().all(|words| self.out.contains(words));
        assert!(all, "{words:?} are not all in the result of:\n{}", self.both());
        self
    }

    /// Asserts that the messages for people have all of these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        let all = words.iter().all(|words| self.err.contains(words));
        assert!(all, "{words:?} are not all said by:\n{}", self.both());
        self
    }

    /// Asserts that the result and the messages together have all of these words.
    #[track_caller]
    pub fn tells(self, words: &[&str]) -> Self {
        has_all(&self.both(), words);
        self
    }

    /// Returns the result and the messages.
    pub fn both(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Parses the result as JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.both()))
    }

    /// Parses each line of the result as JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        lines(&self.out)
    }
}

/// Parses each line of a text as JSON.
#[track_caller]
pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

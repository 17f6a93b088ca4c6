//! Runs the command in a pseudo terminal, and reads its output there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::world::SOON;

/// The output of a command on a terminal.
#[derive(Debug)]
pub(crate) struct TerminalOutput {
    /// The output with colours.
    pub(crate) raw: String,
    /// The lines without colours.
    pub(crate) lines: Vec<String>,
    columns: usize,
    pub(crate) code: Option<i32>,
}

/// Both ends of a terminal of this width.
fn terminal(columns: u16) -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo terminal");
    grantpt(&controller).expect("its other end");
    unlockpt(&controller).expect("its other end");
    let name = ptsname(&controller, Vec::new()).expect("its name");
    let terminal =
        OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.to_bytes()));
    let terminal = terminal.expect("its other end");
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("a size");
    (File::from(controller), terminal)
}

/// Runs the command for a person at a terminal, who answers its question once `meanwhile` is over. Returns the output
/// and the exit code.
pub(crate) async fn answered(
    mut command: Command,
    question: &str,
    meanwhile: impl Future<Output = ()>,
    answer: &str,
) -> (String, Option<i32>) {
    let (controller, terminal) = terminal(200);
    command.stdin(terminal.try_clone().expect("a terminal")).stderr(terminal);
    command.stdout(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    // The terminal ends when its other end is closed.
    drop(command);
    let mut writer = controller.try_clone().expect("a terminal");
    let (asks, asked) = oneshot::channel();
    let question = question.to_owned();
    let reader = tokio::task::spawn_blocking(move || {
        let (mut controller, mut asks) = (controller, Some(asks));
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = controller.read(&mut some) {
            all.extend_from_slice(&some[..count]);
            if String::from_utf8_lossy(&all).contains(&question)
                && let Some(asks) = asks.take()
            {
                asks.send(()).expect("somebody listens");
            }
        }
        String::from_utf8(all).expect("UTF-8")
    });
    tokio::time::timeout(SOON, asked).await.expect("it asks in time").expect("it asks");
    meanwhile.await;
    writeln!(writer, "{answer}").expect("answered");
    let status = tokio::time::timeout(SOON, child.wait()).await.expect("it ends in time");
    let said = reader.await.expect("it was read").replace('\r', "");
    (said, status.expect("a status").code())
}

/// Runs the command with a terminal of this width as its standard output.
pub(crate) async fn drawn(mut command: Command, columns: u16) -> TerminalOutput {
    let (mut controller, terminal) = terminal(columns);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.stdout(terminal).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    // The terminal ends when its other end is closed.
    drop(command);
    let reader = tokio::task::spawn_blocking(move || {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = controller.read(&mut some) {
            all.extend_from_slice(&some[..count]);
        }
        String::from_utf8(all).expect("UTF-8")
    });
    let status = tokio::time::timeout(SOON, child.wait()).await.expect("it ends in time");
    let raw = reader.await.expect("it was read").replace('\r', "");
    let lines = uncoloured(&raw).lines().map(str::to_owned).collect();
    let code = status.expect("a status").code();
    TerminalOutput { raw, lines, columns: columns.into(), code }
}

fn uncoloured(text: &str) -> String {
    let mut rest = text.split("\u{1b}[");
    let mut plain = rest.next().unwrap_or_default().to_owned();
    for part in rest {
        let end = part.find(|c: char| ('@'..='~').contains(&c)).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

fn width(line: &str) -> usize {
    line.chars().count()
}

impl TerminalOutput {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Checks that no line is wider than the terminal. The table's own tests check how cells line up below their names.
    pub(crate) fn fits(&self) {
        let wide = self.lines.iter().find(|line| width(line) > self.columns);
        assert_eq!(wide, None, "{} columns:\n{}", self.columns, self.text());
    }
}

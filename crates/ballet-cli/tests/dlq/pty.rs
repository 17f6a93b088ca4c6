//! Runs the command in a pseudo terminal, and looks at what it draws there.

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

/// What a command printed on a terminal.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// With its colours.
    pub(crate) raw: String,
    /// Without them.
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

/// Runs the command for somebody at a terminal, who answers its question once `meanwhile` is over. Returns what was
/// said there, and the exit code.
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
    // The terminal ends when nobody has its other end any more.
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
pub(crate) async fn drawn(mut command: Command, columns: u16) -> Drawn {
    let (mut controller, terminal) = terminal(columns);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.stdout(terminal).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    // The terminal ends when nobody has its other end any more.
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
    Drawn { raw, lines, columns: columns.into(), code }
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

impl Drawn {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// No line is wider than the terminal.
    pub(crate) fn fits(&self) {
        let wide = self.lines.iter().find(|line| width(line) > self.columns);
        assert_eq!(wide, None, "{} columns:\n{}", self.columns, self.text());
    }

    /// The cells of each column begin, or end, below its name. `right` are the columns of numbers.
    /// Returns the number of rows.
    pub(crate) fn lines_up(&self, header: &[&str], right: &[&str]) -> usize {
        self.fits();
        let places = self.places(header);
        let head = places.iter().map(|(line, ..)| line + 1).max().unwrap_or(0);
        let mut rows: Vec<Vec<&str>> = Vec::new();
        for line in &self.lines[head..] {
            match rows.last_mut() {
                Some(row) if line.starts_with(' ') => row.push(line),
                _ => rows.push(vec![line]),
            }
        }
        for row in &rows {
            for (line, at, name) in &places {
                // A folded row ends where nothing follows.
                let Some(cells) = row.get(*line) else {
                    assert!(*line > 0, "{name:?} in {row:#?} of\n{}", self.text());
                    continue;
                };
                let cells: Vec<char> = cells.chars().collect();
                let at_of = |place: usize| cells.get(place).copied().unwrap_or(' ');
                let what = || format!("{name:?} in {row:#?} of\n{}", self.text());
                if right.contains(name) {
                    let end = at + width(name);
                    assert!(at_of(end - 1) != ' ' && at_of(end) == ' ', "{}", what());
                } else {
                    assert!(at_of(*at) != ' ', "{}", what());
                    assert!(
                        *at < 2 || (at_of(at - 1) == ' ' && at_of(at - 2) == ' '),
                        "{}",
                        what()
                    );
                }
            }
        }
        rows.len()
    }

    /// Of each column its line in the header, and where it begins there.
    fn places<'a>(&self, header: &[&'a str]) -> Vec<(usize, usize, &'a str)> {
        let (mut line, mut from) = (0, 0);
        let mut places = Vec::new();
        for name in header {
            loop {
                let head = self.lines.get(line);
                let head: Vec<char> = head
                    .unwrap_or_else(|| panic!("no {name} in {}", self.text()))
                    .chars()
                    .collect();
                let wanted: Vec<char> = name.chars().collect();
                let is_here = |at: &usize| {
                    head[*at..].starts_with(&wanted)
                        && (*at == 0 || head[at - 1] == ' ')
                        && head.get(at + wanted.len()).is_none_or(|c| *c == ' ')
                };
                if let Some(at) = (from..head.len()).find(is_here) {
                    places.push((line, at, *name));
                    from = at + wanted.len();
                    break;
                }
                (line, from) = (line + 1, 0);
            }
        }
        places
    }
}

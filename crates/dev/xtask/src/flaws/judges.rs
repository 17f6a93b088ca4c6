//! What judges a flaw in a declaration. A new judge is one line in the table.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;
use crate::flaws::contracts::Contracts;
use crate::flaws::declarations::found::Declaration;
use crate::flaws::judged::Judged;

struct Judge {
    name: &'static str,
    /// `NOW` is the folder with the flaw, `RIGHT` the one without it.
    args: &'static [&'static str],
    /// Whether it compares with what was right: for flaws that are one only in a change.
    compares: bool,
}

const JUDGES: [Judge; 2] = [
    Judge { name: "check", args: &["check", "-o", "json", "--contracts", "NOW"], compares: false },
    Judge {
        name: "contract diff",
        args: &["contract", "diff", "-o", "json", "RIGHT", "NOW"],
        compares: true,
    },
];

pub(crate) struct DeclarationJudges {
    ballet: PathBuf,
    folder: PathBuf,
}

/// What each judge says of contracts that are right.
pub(crate) type OnRight = Vec<Vec<Value>>;

impl DeclarationJudges {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let args =
            ["build", "--workspace", "--profile", "test", "--bin", "ballet"].map(str::to_owned);
        let ballet = cargo::build(&args)?.remove("ballet").context("cargo built no ballet")?;
        Ok(Self { ballet, folder: folder.to_owned() })
    }

    pub(crate) fn on_right(&self, system: &Contracts) -> Result<OnRight> {
        let right = self.folder.join("right").join(system.system);
        system.write(&right, &[])?;
        let judges = JUDGES.iter().filter(|judge| !judge.compares);
        judges.map(|judge| self.says(judge, &right, &right)).collect()
    }

    pub(crate) fn judge(
        &self,
        flaw: &Declaration,
        system: &Contracts,
        on_right: &OnRight,
    ) -> Result<Judged> {
        let (right, now) = (
            self.folder.join("right").join(flaw.system),
            self.folder.join("now").join(flaw.system),
        );
        system.write(&now, &flaw.edits)?;
        let (begun, mut by) = (Instant::now(), None);
        for (at, judge) in JUDGES.iter().enumerate() {
            if judge.compares && !flaw.is_change || by.is_some() {
                continue;
            }
            let before = on_right.get(at).map_or(&[][..], Vec::as_slice);
            let said = self.says(judge, &right, &now)?;
            by = named(flaw, before, &said).map(|id| (judge.name.to_owned(), id));
        }
        let place = format!("{}, {}", flaw.system, flaw.place);
        Ok(Judged { kind: flaw.kind, place, by, took: begun.elapsed() })
    }

    fn says(&self, judge: &Judge, right: &Path, now: &Path) -> Result<Vec<Value>> {
        let mut command = Command::new(&self.ballet);
        for arg in judge.args {
            match *arg {
                "NOW" => command.arg(now),
                "RIGHT" => command.arg(right),
                arg => command.arg(arg),
            };
        }
        let output = command.output().context("cannot run ballet")?;
        let said: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("{command:?} prints no JSON: {errors}")
        })?;
        Ok(said.as_array().cloned().unwrap_or_default())
    }
}

/// The rule of the first new finding that names one of the things that the flaw is about.
pub(crate) fn named(flaw: &Declaration, before: &[Value], now: &[Value]) -> Option<String> {
    let mut new = now.iter().filter(|row| !before.contains(row));
    let names = |row: &&Value| flaw.names.iter().any(|name| row.to_string().contains(name));
    let found = new.find(names)?;
    Some(found["id"].as_str().unwrap_or("breaking").to_owned())
}

//! The checks of CI besides the tests. All parts run, also after a failure.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::say::{print, say};
use crate::{cargo, licences, systems};

struct CheckPart {
    name: &'static str,
    command: &'static str,
    how: PartRunner,
}

enum PartRunner {
    Cargo,
    /// By running the command with these flags for rustdoc, which stand before `cargo` in it.
    Docs(&'static str),
    Pages(&'static str),
    Here(fn() -> Result<ExitCode>),
}

const PARTS: [CheckPart; 7] = [
    CheckPart { name: "format", command: "cargo fmt --all --check", how: PartRunner::Cargo },
    // Advisories change without us: `cargo deny check advisories` asks for them, over the network.
    CheckPart {
        name: "licences",
        command: "cargo xtask licences",
        how: PartRunner::Here(licences::run),
    },
    CheckPart {
        name: "generated",
        command: "cargo xtask generate --check",
        how: PartRunner::Pages("generate"),
    },
    CheckPart {
        name: "links",
        command: "cargo xtask site --check",
        how: PartRunner::Pages("site"),
    },
    CheckPart {
        name: "lints",
        command: "cargo clippy --workspace --all-targets --locked --keep-going -- -D warnings",
        how: PartRunner::Cargo,
    },
    CheckPart {
        name: "features",
        command: "cargo clippy -p ballet --no-default-features --locked -- -D warnings",
        how: PartRunner::Cargo,
    },
    // Private items' links are checked as well. Rustdoc also finds public links to private items, so one pass is
    // enough. With an example, which may use what tests use, dependencies have the features of the lints, and are
    // not checked again.
    CheckPart {
        name: "docs",
        command: "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --lib --bin xtask --example pages --no-deps \
                  --locked --keep-going --document-private-items",
        how: PartRunner::Docs("-D warnings"),
    },
];

pub(crate) fn run() -> Result<ExitCode> {
    let mut done = Vec::new();
    for part in &PARTS {
        print(&format!("\n== {}: {}", part.name, part.command));
        let begun = Instant::now();
        let fine = part.run().unwrap_or_else(|error| {
            say(&format!("error: {error:#}"));
            false
        });
        let took = begun.elapsed();
        let ended = if fine { "in order" } else { "failed" };
        print(&format!("== {}: {ended}, {}", part.name, seconds(took)));
        done.push((part, fine, took));
    }
    print("");
    for (part, fine, took) in &done {
        let mark = if *fine { "✓" } else { "✗" };
        let again = if *fine { "" } else { part.command };
        print(format!("{mark} {:<13}{:>9}  {again}", part.name, seconds(*took)).trim_end());
    }
    let failed = done.iter().filter(|(_, fine, _)| !fine).count();
    if failed > 0 {
        print(&format!("{failed} of {} parts failed", PARTS.len()));
        return Ok(ExitCode::FAILURE);
    }
    print("all in order; `cargo xtask test` runs the tests");
    Ok(ExitCode::SUCCESS)
}

impl CheckPart {
    fn run(&self) -> Result<bool> {
        if let PartRunner::Pages(command) = self.how {
            return systems::run_pages(command, &["--check"]);
        }
        if let PartRunner::Here(run) = self.how {
            return Ok(run()? == ExitCode::SUCCESS);
        }
        let (_, args) =
            self.command.split_once("cargo ").context("the command is none of cargo")?;
        let mut command = Command::new(cargo::program());
        command.args(args.split_whitespace()).current_dir(cargo::root());
        cargo::clean(&mut command);
        if let PartRunner::Docs(flags) = self.how {
            command.env("RUSTDOCFLAGS", flags);
            as_clippy(&mut command);
        }
        Ok(command.status().context("cannot run cargo")?.success())
    }
}

/// Rustdoc needs every dependency checked. The lint part has done that, and cargo reuses its results for the same
/// program and arguments, which saves a third of this part's time.
fn as_clippy(command: &mut Command) {
    let asked = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Some(root) = asked.ok().and_then(|said| String::from_utf8(said.stdout).ok()) else {
        return;
    };
    let driver = Path::new(root.trim()).join("bin/clippy-driver");
    if driver.exists() {
        // As `cargo clippy -- -D warnings` gives them.
        let arguments = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";
        command.env("RUSTC_WORKSPACE_WRAPPER", driver).env("CLIPPY_ARGS", arguments);
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

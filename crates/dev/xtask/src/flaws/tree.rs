//! A copy of the sources, in which handlers get their flaws, and what judges them. It stays, with its own target folder:
//! cargo takes packages of two checkouts for the same, so each build of one would undo the other's.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo;
use crate::flaws::handlers::{Handler, read};
use crate::flaws::judged::Judged;
use crate::say::say;
use crate::test::counts::failed_tests;
use crate::test::programs::TestProgram;
use crate::test::running::{ProgramEnd, RunSetting, RunningProgram};
use crate::test::servers::TestServers;

/// What judges a flaw in a handler. A new judge is one line.
const JUDGES: [(&str, &str); 3] = [
    ("lints", "clippy --package SERVICE --no-deps -- --deny clippy::disallowed_methods"),
    ("tests of the service", "test --package SERVICE"),
    ("tests of the system", "test --package SYSTEM"),
];
const LOOK: Duration = Duration::from_millis(50);
/// More than the longest silence of a right test, and of a build.
const SILENCE: Duration = Duration::from_secs(300);

pub(crate) enum Verdict {
    Judged(Judged),
    CannotBeWritten,
}

pub(crate) struct Tree {
    root: PathBuf,
    setting: RunSetting,
    servers: TestServers,
    /// The judges that passed what is right.
    right: HashSet<String>,
}

impl Tree {
    /// The last commit's sources.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let (root, output) = (folder.join("tree"), folder.join("output"));
        fs::create_dir_all(&output)
            .with_context(|| format!("cannot create {}", output.display()))?;
        git(&cargo::root(), &["worktree", "prune"])?;
        if root.join(".git").exists() {
            git(&root, &["checkout", "--quiet", "--force", "--detach", &head()?])?;
        } else {
            let place = root.display().to_string();
            git(&cargo::root(), &["worktree", "add", "--quiet", "--detach", &place, &head()?])?;
        }
        let args = ["build", "--workspace", "--bin", "ballet-servers"];
        let servers = cargo::build(&args.map(str::to_owned))?.remove("ballet-servers");
        let servers = TestServers::start(&servers.context("cargo built no servers")?)?;
        let mut env = servers.env.clone();
        env.push(("CARGO_TARGET_DIR".to_owned(), folder.join("build").display().to_string()));
        let setting = RunSetting { output, env, silence: SILENCE };
        Ok(Self { root, setting, servers, right: HashSet::new() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.servers.stop()
    }

    pub(crate) fn judge(&mut self, flaw: &Handler) -> Result<Verdict> {
        let judges = JUDGES.map(|(name, args)| {
            let args = args.replace("SERVICE", &flaw.service).replace("SYSTEM", flaw.system);
            (name, args.split(' ').map(str::to_owned).collect::<Vec<_>>())
        });
        let file = self.root.join(&flaw.file);
        let right = read(&file)?;
        let flawed = flaw.in_text(&right);
        let verdict = self.judge_written(flaw, &judges, |with_flaw| {
            let text = if with_flaw { &flawed } else { &right };
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        });
        fs::write(&file, right)?;
        verdict
    }

    fn judge_written(
        &mut self,
        flaw: &Handler,
        judges: &[(&'static str, Vec<String>)],
        write: impl Fn(bool) -> Result<()>,
    ) -> Result<Verdict> {
        let (mut took, mut by) = (Duration::ZERO, None);
        for (name, args) in judges {
            let key = args.join(" ");
            if !self.right.contains(&key) {
                say(&format!("what is right first: cargo {key}"));
                write(false)?;
                let end = self.cargo(args)?;
                ensure!(end.passed, "{name} find something in what is right:\n{}", end.output);
                self.right.insert(key);
            }
            write(true)?;
            if args[0] == "test" {
                // Apart from the tests, so that the time is theirs.
                let build = [args.as_slice(), &["--no-run".to_owned()]].concat();
                if !self.cargo(&build)?.passed {
                    return Ok(Verdict::CannotBeWritten);
                }
            }
            let end = self.cargo(args)?;
            took += end.took;
            if end.passed {
                continue;
            }
            if args[0] != "test" && !end.output.contains("disallowed method") {
                return Ok(Verdict::CannotBeWritten);
            }
            let tests = failed_tests(&end.output);
            by = Some((*name, tests.first().map_or("cargo failed", String::as_str).to_owned()));
            break;
        }
        Ok(Verdict::Judged(Judged { kind: flaw.kind, place: flaw.place(), by, took }))
    }

    fn cargo(&self, args: &[String]) -> Result<ProgramEnd> {
        let program = TestProgram {
            name: format!("cargo {}", args.join(" ")),
            file: cargo::program().into(),
            args: args.to_vec(),
            dir: self.root.clone(),
        };
        let mut running = RunningProgram::start(program, &self.setting)?;
        loop {
            if let Some(end) = running.ended(self.setting.silence)? {
                return Ok(end);
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn head() -> Result<String> {
    cargo::commit()
        .map(|commit| commit.trim().to_owned())
        .context("the flaws need a checkout of git")
}

fn git(folder: &Path, args: &[&str]) -> Result<()> {
    let status = Command::new("git").args(args).current_dir(folder).status();
    if !status.context("cannot run git")?.success() {
        bail!("git {} failed", args.join(" "));
    }
    Ok(())
}

//! A copy of the sources, in which handlers get their flaws. It stays, with its own target folder: cargo takes packages
//! of two checkouts for the same, so each build of one would undo the other's.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;
use crate::flaws::handlers::{Handler, read};
use crate::say::say;
use crate::test::counts::{failed_so_far, failed_tests};
use crate::test::environment;
use crate::test::programs::{ALONE, TestProgram};
use crate::test::running::{RunSetting, RunningProgram};
use crate::test::servers::TestServers;

const LOOK: Duration = Duration::from_millis(50);
/// More than the longest silence of a right test: a program that is silent for longer hangs, and has failed.
const SILENCE: Duration = Duration::from_secs(300);
/// The name of a failure that no test has.
const UNNAMED: &str = "it ended early, or hung";
/// How often what failed runs again, alone: on a busy machine a right test may be too slow.
const AGAIN: u32 = 2;
/// Seconds for which a test that runs again waits at most for what a flaw keeps from coming.
const PATIENCE: &str = "20";

pub(crate) struct Tree {
    root: PathBuf,
    folder: PathBuf,
    env: Vec<(String, String)>,
    /// The program that starts servers.
    program: PathBuf,
    servers: TestServers,
    /// Tests that fail without a flaw. They judge nothing.
    failing: HashSet<String>,
}

impl Tree {
    /// The last commit's sources.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let root = folder.join("tree");
        git(&cargo::root(), &["worktree", "prune"])?;
        if root.join(".git").exists() {
            git(&root, &["checkout", "--quiet", "--force", "--detach", &head()?])?;
        } else {
            let place = root.display().to_string();
            git(&cargo::root(), &["worktree", "add", "--quiet", "--detach", &place, &head()?])?;
        }
        let args = ["build", "--workspace", "--profile", "test", "--bin", "ballet-servers"];
        let program = cargo::build(&args.map(str::to_owned))?.remove("ballet-servers");
        let program = program.context("cargo built no servers")?;
        let servers = TestServers::start(&program)?;
        let mut env = environment()?;
        env.push(("CARGO_TARGET_DIR".to_owned(), folder.join("build").display().to_string()));
        let folder = folder.to_owned();
        Ok(Self { root, folder, env, program, servers, failing: HashSet::new() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A program that is stopped leaves its vhost and its databases, and a broker with a hundred of them is slow.
    pub(crate) fn renew_servers(&mut self) -> Result<()> {
        let new = TestServers::start(&self.program)?;
        std::mem::replace(&mut self.servers, new).stop()
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.servers.stop()
    }

    /// Lets cargo build packages with these flaws, each in a file of its own, and returns its messages.
    pub(crate) fn cargo<'a>(
        &self,
        flaws: impl IntoIterator<Item = &'a Handler>,
        args: &[&str],
        packages: &[&str],
    ) -> Result<Vec<Value>> {
        let mut right = Vec::new();
        for flaw in flaws {
            let file = self.root.join(&flaw.file);
            let text = read(&file)?;
            write(&file, &flaw.in_text(&text))?;
            right.push((file, text));
        }
        let mut cargo = Command::new(cargo::program());
        cargo.args(args).args(packages.iter().flat_map(|package| ["--package", *package]));
        cargo.arg("--message-format=json").current_dir(&self.root);
        cargo.envs(self.env.iter().cloned());
        let said = cargo::said(&mut cargo);
        // What is built stays so.
        for (file, text) in right {
            write(&file, &text)?;
        }
        Ok(said?.1)
    }

    /// The program with this flaw, which the next build does not replace.
    pub(crate) fn kept(&self, program: &TestProgram, flaw: usize) -> Result<TestProgram> {
        let name = program.file.file_name().context("a program has a name")?;
        let file = folder(&self.programs(flaw))?.join(name);
        // A copy of our own would be open in what other threads start meanwhile, and then cannot run.
        let status = Command::new("cp").args([&program.file, &file]).status();
        if !status.context("cannot run cp")?.success() {
            bail!("cannot copy {}", program.file.display());
        }
        Ok(TestProgram { file, ..program.clone() })
    }

    /// Removes the programs with this flaw.
    pub(crate) fn forget(&self, flaw: usize) -> Result<()> {
        let programs = folder(&self.programs(flaw))?;
        fs::remove_dir_all(&programs)
            .with_context(|| format!("cannot remove {}", programs.display()))
    }

    fn programs(&self, flaw: usize) -> PathBuf {
        self.folder.join("programs").join(flaw.to_string())
    }

    /// Notes the tests that fail in a program without a flaw.
    pub(crate) fn note_right(&mut self, program: &TestProgram) -> Result<()> {
        let setting = self.setting("right")?;
        let failed = self.once(program.clone(), &setting, failed_tests)?.1;
        let failed = self.each_time(program, &setting, failed)?;
        for test in failed.into_iter().flat_map(|(tests, _)| tests) {
            say(&format!(
                "without a flaw too, so it judges nothing: {test} of {} fails",
                program.name
            ));
            self.failing.insert(format!("{}: {test}", program.name));
        }
        Ok(())
    }

    /// Returns the first test that fails, but for those that do so by chance. A program that ends without naming one
    /// fails as a whole.
    pub(crate) fn first_failure(
        &self,
        program: &TestProgram,
        flaw: usize,
        by_chance: &[String],
    ) -> Result<Option<String>> {
        let setting = self.setting(&flaw.to_string())?;
        let failed = self.once(program.without(by_chance), &setting, failed_so_far)?.1;
        // Others wait for their time limits as well.
        Ok(failed.into_iter().next())
    }

    /// Returns the first test that fails each time, and how long it takes by itself: nothing else may run. `seen` is a
    /// first failure that is known.
    pub(crate) fn failure(
        &self,
        program: &TestProgram,
        flaw: usize,
        mut seen: Option<String>,
    ) -> Result<Option<(String, Duration)>> {
        let setting = self.setting(&flaw.to_string())?;
        let mut by_chance = Vec::new();
        loop {
            let first = match seen.take() {
                Some(first) => Some(first),
                None => self.first_failure(program, flaw, &by_chance)?,
            };
            let Some(first) = first else { return Ok(None) };
            if let Some((tests, took)) = self.each_time(program, &setting, vec![first.clone()])? {
                return Ok(tests.into_iter().next().map(|test| (test, took)));
            }
            if first == UNNAMED {
                return Ok(None);
            }
            by_chance.push(first);
        }
    }

    fn setting(&self, name: &str) -> Result<RunSetting> {
        let output = folder(&self.folder.join("output").join(name))?;
        let env = self.env.iter().chain(&self.servers.env).cloned().collect();
        Ok(RunSetting { output, env })
    }

    /// `None` if a run passes. Else what fails in the last one, and how long that took.
    fn each_time(
        &self,
        program: &TestProgram,
        setting: &RunSetting,
        mut failed: Vec<String>,
    ) -> Result<Option<(Vec<String>, Duration)>> {
        let mut took = Duration::ZERO;
        let mut alone = RunSetting { output: setting.output.clone(), env: setting.env.clone() };
        alone.env.push(("BALLET_WAIT_AT_MOST".to_owned(), PATIENCE.to_owned()));
        for _ in 0..AGAIN {
            if failed.is_empty() {
                return Ok(None);
            }
            let named: Vec<String> =
                failed.iter().filter(|test| *test != UNNAMED).cloned().collect();
            let again = program.only(&named).unwrap_or_else(|| program.clone());
            (took, failed) = self.once(again, &alone, failed_tests)?;
        }
        Ok((!failed.is_empty()).then_some((failed, took)))
    }

    /// Ends as soon as `judged` names a failure that is none without a flaw, and returns the time until then.
    fn once(
        &self,
        program: TestProgram,
        setting: &RunSetting,
        judged: fn(&str) -> Vec<String>,
    ) -> Result<(Duration, Vec<String>)> {
        let (begun, name) = (Instant::now(), program.name.clone());
        let right = name.trim_end_matches(ALONE);
        let judged = |output: &str| {
            let mut failed = judged(output);
            failed.retain(|test| !self.failing.contains(&format!("{right}: {test}")));
            failed
        };
        let (mut said, mut spoke) = (0, begun);
        let mut running = RunningProgram::start(program, setting)?;
        loop {
            let (ended, output) = (running.ended()?, running.output());
            let mut failed = judged(&output);
            if output.len() != said {
                (said, spoke) = (output.len(), Instant::now());
            }
            let hangs = spoke.elapsed() > SILENCE;
            let broke =
                ended.as_ref().is_some_and(|end| !end.passed) && failed_tests(&output).is_empty();
            if failed.is_empty() && (hangs || broke) {
                failed.push(UNNAMED.to_owned());
            }
            if ended.is_some() || !failed.is_empty() {
                return Ok((begun.elapsed(), failed));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn folder(path: &Path) -> Result<PathBuf> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path.to_owned())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

pub(crate) fn head() -> Result<String> {
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

//! The test programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;

/// Cargo compiles them one after the other, for minutes.
const EXAMPLES: &str = "examples in the documentation";
/// Longest first by the clock. They start first, so that no processor is idle at the end.
const LONGEST: &[&str] = &[
    "ballet-tests engine",
    "ballet-cli dlq",
    "loyalty participant",
    "shop saga",
    "xtask chaos",
    "ballet-tests transport",
    "xtask kills",
    "ballet-cli stream",
    "ballet-cli commands",
    "ballet-tests telemetry",
    "ballet-tests services",
    "xtask degradation",
    "ballet-tests explore",
    "xtask walk",
    "ballet-gateway main",
    "ballet-testkit main",
    "ballet-stage main",
    EXAMPLES,
];

/// Each runs a system of a dozen processes on servers of its own, for minutes. Without `--long` one of them runs.
const IN_TURN: [&str; 3] = ["xtask chaos", "xtask kills", "xtask degradation"];

/// Ends the name of a program that runs some of its tests again.
pub(crate) const ALONE: &str = ", alone";

/// Brings the servers up.
const SERVERS: &str = "ballet-servers";

pub(crate) struct BuiltPrograms {
    pub(crate) tests: Vec<TestProgram>,
    pub(crate) servers: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestProgram {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) args: Vec<String>,
    /// Cargo runs the package's tests there.
    pub(crate) dir: PathBuf,
}

impl TestProgram {
    /// Whether a run without `--long` includes it.
    pub(crate) fn is_usual(&self, turn: Option<usize>) -> bool {
        let name = &*self.name;
        let in_turn = turn.map(|turn| IN_TURN[turn % IN_TURN.len()]);
        !IN_TURN.contains(&name) || in_turn.is_none_or(|chosen| chosen == name)
    }

    /// The program with these tests only. `None` for a program that takes no names: cargo, or one that ended before it
    /// listed its failures.
    pub(crate) fn only(&self, tests: &[String]) -> Option<Self> {
        if tests.is_empty() || self.file.as_os_str() == cargo::program() {
            return None;
        }
        let mut args = tests.to_vec();
        args.extend(["--exact", "--test-threads=1"].map(str::to_owned));
        Some(Self { name: format!("{}{ALONE}", self.name), args, ..self.clone() })
    }

    /// The program without these tests.
    pub(crate) fn without(&self, tests: &[String]) -> Self {
        let skipped = tests.iter().flat_map(|test| ["--skip".to_owned(), test.clone()]);
        Self { args: self.args.iter().cloned().chain(skipped).collect(), ..self.clone() }
    }
}

/// Builds all tests of the workspace, with cargo's progress. `None` if cargo failed; it has then printed why.
pub(crate) fn build() -> Result<Option<BuiltPrograms>> {
    let args = ["test", "--workspace", "--no-run"].map(str::to_owned);
    let Some(messages) = cargo::messages(&args)? else { return Ok(None) };
    let is_servers = |message: &&Value| {
        message["target"]["name"] == SERVERS && message["profile"]["test"] == false
    };
    let servers = messages.iter().find(is_servers).and_then(|of| of["executable"].as_str());
    let servers =
        servers.map(PathBuf::from).with_context(|| format!("cargo built no {SERVERS}"))?;
    let mut programs: Vec<TestProgram> = messages.iter().filter_map(program).collect();
    programs.push(documentation());
    // A program of an outdated name would not start first, unnoticed.
    let is_built = |name: &&&str| programs.iter().any(|program| program.name == **name);
    if let Some(name) = LONGEST.iter().find(|name| !is_built(name)) {
        bail!(
            "there is no test program `{name}`: correct LONGEST in crates/dev/xtask/src/test/programs.rs"
        );
    }
    programs.sort_by_key(|program| {
        LONGEST.iter().position(|name| *name == program.name).unwrap_or(LONGEST.len())
    });
    Ok(Some(BuiltPrograms { tests: programs, servers }))
}

/// The package that a message of cargo is about.
pub(crate) fn package(message: &Value) -> Option<&str> {
    // `path+file:///somewhere/crates/ballet#0.1.0`, or `...#ballet-core@0.1.0`.
    let (place, version) = message["package_id"].as_str()?.rsplit_once('#')?;
    let named = version.split_once('@').map(|(name, _)| name);
    named.or_else(|| place.rsplit('/').next())
}

pub(crate) fn program(message: &Value) -> Option<TestProgram> {
    let file = message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?;
    let dir = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = package(message)?;
    let target = message["target"]["name"].as_str()?;
    let unit = message["target"]["kind"][0] != "test";
    Some(TestProgram {
        name: if unit {
            format!("{package} {target}, unit tests")
        } else {
            format!("{package} {target}")
        },
        file: file.into(),
        args: Vec::new(),
        dir: dir.to_owned(),
    })
}

/// Cargo builds and runs them.
fn documentation() -> TestProgram {
    TestProgram {
        name: EXAMPLES.to_owned(),
        file: cargo::program().into(),
        args: ["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"]
            .map(str::to_owned)
            .to_vec(),
        dir: cargo::root(),
    }
}

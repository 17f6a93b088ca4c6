//! Where a test runs the command, outside of this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ballet_testkit::command::{CommandOutput, ended_within};
use tokio::process::Command;

pub(crate) const BALLET: &str = env!("CARGO_BIN_EXE_ballet");
pub(crate) const PATIENCE: Duration = Duration::from_secs(1800);

pub(crate) struct TestDirectory(PathBuf);

impl Drop for TestDirectory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl TestDirectory {
    pub(crate) fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("ballet-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        Self(place)
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    pub(crate) fn command(&self, program: &str, arguments: &[&str], below: &str) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.at(below)).stdin(Stdio::null());
        command.kill_on_drop(true);
        // A shell has no variables of this workspace's tests. The profile stays: with another, every dependency would
        // be built again.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let of_build = text.starts_with("CARGO_PROFILE_")
                || matches!(&*text, "CARGO_HOME" | "CARGO_INCREMENTAL");
            let of_cargo = text.starts_with("CARGO_") && !of_build;
            let of_ballet = text.starts_with("BALLET_") && !text.ends_with("_BIN");
            if of_cargo || of_ballet {
                command.env_remove(&name);
            }
        }
        command
    }

    pub(crate) fn path_to_checkout(&self) -> String {
        let here = self.0.canonicalize().expect("a directory");
        let up = "../".repeat(here.components().count() - 1);
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize();
        format!(
            "{up}{}",
            checkout.expect("a checkout").display().to_string().trim_start_matches('/')
        )
    }

    pub(crate) async fn begin(&self) {
        self.ballet(&["new", "harbour"], "").await.ends_with(0);
        self.write_contract("harbour", "desk");
    }

    /// Writes it as the first service's program would, which need not be built.
    pub(crate) fn write_contract(&self, project: &str, service: &str) {
        let contracts = self.at(project).join("contracts/harbour");
        fs::create_dir_all(&contracts).expect("a directory");
        let contract = include_str!("desk.json").replace("desk", service);
        fs::write(contracts.join(format!("{service}.json")), contract).expect("written");
    }

    pub(crate) async fn ballet(&self, arguments: &[&str], below: &str) -> CommandOutput {
        said_by(&mut self.command(BALLET, arguments, below)).await
    }
}

pub(crate) async fn said_by(command: &mut Command) -> CommandOutput {
    ended_within(PATIENCE, command).await
}

pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replace(from, to)).expect("written");
}

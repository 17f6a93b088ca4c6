//! The demo as newcomers start it, with a shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use ballet_stage::{cargo_variables, wait_until};
use tokio::process::{Child, Command};

pub(crate) const XTASK: &str = env!("CARGO_BIN_EXE_xtask");
const PATIENCE: Duration = Duration::from_secs(1800);
/// The last line before a user can try it.
const READY: &str = "customers go on to come";
const LOGS: &str = "the services' logs are in ";

/// Runs a page's commands: `cargo` does not build or show progress, and every HTTP status is noted. `pkill` has to name
/// this demo, as others may run, and waits until what was killed is back.
const SHELL: &str = r#"
set -o pipefail
trap 'echo "failed with $?: $BASH_COMMAND" >> "$WALK/failed"' ERR
curl() {
    local answer code
    answer=$(command curl "$@")
    code=$?
    printf '%s\n' "$answer" | tee -a "$WALK/answers"
    return "$code"
}
pkill() {
    case "$*" in *"-P $DEMO "*) ;; *) echo "this hits other demos: pkill $*" >&2; return 1 ;; esac
    command pkill "$@" || return
    case $1 in -9 | -KILL)
        command curl --fail --retry 60 --retry-all-errors --retry-delay 1 --output /dev/null \
            "$PAYMENTS_URL/readyz" ;;
    esac
}
"#;

/// The shell's `cargo`, which does not build our programs; all else goes to the next cargo. Exit code 3 is a server
/// without an answer in time, as on a busy machine: the command is repeated.
const CARGO: &str = r#"#!/bin/sh
case "$1 $2" in
"xtask demo") shift; exec 'XTASK' "$@" ;;
"xtask "*) program='XTASK' ;;
"ballet "*) program='BALLET' ;;
*) PATH=${PATH#*:} exec cargo "$@" ;;
esac
shift
for times in $(seq 60); do
    "$program" "$@"
    code=$?
    test "$code" -eq 3 || exit "$code"
    sleep 1
done
exit 3
"#;

pub(crate) struct RunningDemo {
    process: Child,
    place: PathBuf,
    root: PathBuf,
    /// The file for a shell to source.
    env: PathBuf,
    /// The same for every demo of the system.
    shown: String,
}

impl Drop for RunningDemo {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.place).ok();
    }
}

impl RunningDemo {
    /// Waits until it can be tried.
    pub(crate) async fn start(root: &Path, system: &str, command: &str) -> Self {
        let name = command.replace(' ', "-");
        let place = std::env::temp_dir().join(format!("ballet-walk-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        write_programs(root, &place).await;
        let log = place.join("log");
        let file = fs::File::create(&log).expect("a file");
        let mut shell = shell(root, &place, &format!("exec {command}"));
        shell.stdout(file.try_clone().expect("a file")).stderr(file);
        let mut process = shell.spawn().expect("it starts");
        let ready = wait_until("the demo", PATIENCE, || {
            let ended = process.try_wait().expect("a state");
            let log = fs::read_to_string(&log).expect("a log");
            async move {
                assert!(ended.is_none(), "it ended with {ended:?}:\n{log}");
                Ok::<_, String>(log.contains(READY).then_some(log))
            }
        });
        let log = ready.await.expect("the demo is ready");
        let logs = log.lines().find_map(|line| line.strip_prefix(LOGS)).expect("its logs");
        let env = root.join(logs.trim()).join("env");
        let exported = fs::read_to_string(&env).expect("the file for the shell");
        assert!(exported.contains("export BALLET_CONTRACTS="), "no contracts are named: {command}");
        let shown = format!("target/demo/{system}/env");
        assert!(log.contains(&format!(". {shown}\n")), "{shown} is not shown:\n{log}");
        Self { process, place, root: root.to_owned(), env, shown }
    }

    /// Returns all HTTP statuses. Each command has to succeed.
    pub(crate) async fn run(&self, script: &str) -> Vec<String> {
        let env = self.env.display().to_string();
        let script = format!("{SHELL}\n. {env}\n{}", script.replace(&self.shown, &env));
        let mut shell = shell(&self.root, &self.place, &script);
        shell.env("TRIAL_ENDPOINTS", self.env.with_file_name("endpoints.json"));
        let ended = tokio::time::timeout(PATIENCE, shell.output()).await.expect("it ends");
        let Output { status, stdout, stderr } = ended.expect("it runs");
        let failed = fs::read_to_string(self.place.join("failed")).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            status.success() && failed.is_empty(),
            "{status} {failed}\n{}{}",
            text(&stdout),
            text(&stderr)
        );
        let answers = fs::read_to_string(self.place.join("answers")).unwrap_or_default();
        answers.lines().map(str::to_owned).collect()
    }

    /// Ends it as Ctrl-C does.
    pub(crate) async fn stop(mut self) {
        let pid = self.process.id().expect("it runs").to_string();
        let interrupted = Command::new("kill").args(["-INT", &pid]).status().await;
        assert!(interrupted.expect("it runs").success());
        let ended = self.process.wait().await.expect("an end");
        let log = fs::read_to_string(self.place.join("log")).expect("a log");
        assert!(ended.success(), "{ended}:\n{log}");
        // Another demo of the system may run.
        let left = fs::read_link(self.root.join(&self.shown)).ok();
        assert_ne!(left.as_ref(), Some(&self.env), "{} dangles", self.shown);
    }
}

pub(crate) async fn is_known(root: &Path, program: &Path, arguments: &str) -> bool {
    // Placeholders become an id.
    let filled = ["<id>", "<saga>", "ID"].iter().fold(arguments.to_owned(), |text, name| {
        text.replace(name, "0193f7a0-0000-7000-8000-00000000a11c")
    });
    let script = format!("'{}' {filled} --help", program.display());
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(root);
    shell.output().await.expect("it runs").status.success()
}

/// The shell finds these first: cargo's aliases without a build, and a Python with pika.
async fn write_programs(root: &Path, place: &Path) {
    let aliases = fs::read_to_string(root.join(".cargo/config.toml")).expect("a file");
    for alias in ["xtask = \"run --package xtask --\"", "ballet = \"run --quiet --bin ballet --\""]
    {
        assert!(aliases.contains(alias), "{alias} is not in:\n{aliases}");
    }
    let ballet = build_ballet(root).await;
    let cargo = CARGO.replace("XTASK", XTASK).replace("BALLET", &ballet.display().to_string());
    let python = ballet_stage::python().await;
    let python = python.map(|python| format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.display()));
    for (name, text) in [("cargo", cargo)].into_iter().chain(python.map(|text| ("python3", text))) {
        let file = place.join(name);
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a program");
    }
}

/// Builds the command as the tests of the workspace do. After those nothing is left to build.
pub(crate) async fn build_ballet(root: &Path) -> PathBuf {
    // By name, as from a shell: rustup's proxy then tells the compiler its toolchain.
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--workspace", "--locked", "--no-run", "--test", "commands"]);
    without_cargo(&mut cargo);
    let built = cargo.current_dir(root).status().await.expect("it runs");
    assert!(built.success(), "the command does not compile");
    Path::new(XTASK).with_file_name("ballet")
}

fn shell(root: &Path, place: &Path, script: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).current_dir(root).stdin(Stdio::null()).kill_on_drop(true);
    let path = std::env::var("PATH").unwrap_or_default();
    without_cargo(&mut shell);
    shell.env("PATH", format!("{}:{path}", place.display())).env("WALK", place);
    shell.env("BALLET_DEMO_PROFILE", "test");
    // The demo starts its own servers, as for newcomers.
    for of_tests in ["AMQP_URL", "DATABASE_URL", "RABBITMQ_MANAGEMENT_URL"] {
        shell.env_remove(of_tests);
    }
    shell
}

/// Removes cargo's variables, as from a shell.
fn without_cargo(command: &mut Command) {
    for name in cargo_variables() {
        command.env_remove(name);
    }
}

//! A running test program, with its output in a file.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cargo;
use crate::say::print;
use crate::test::counts::tests;
use crate::test::programs::TestProgram;

pub(crate) struct RunSetting {
    pub(crate) output: PathBuf,
    pub(crate) env: Vec<(String, String)>,
}

pub(crate) struct RunningProgram {
    pub(crate) program: TestProgram,
    child: Child,
    file: PathBuf,
    begun: Instant,
}

pub(crate) struct ProgramEnd {
    pub(crate) passed: bool,
    pub(crate) took: Duration,
    pub(crate) output: String,
}

impl RunningProgram {
    /// On the terminal's interrupt it ends with this one.
    pub(crate) fn start(program: TestProgram, setting: &RunSetting) -> Result<Self> {
        let file = setting.output.join(format!("{}.log", file_name(&program.name)));
        let cannot = || format!("cannot write {}", file.display());
        File::create(&file).with_context(cannot)?;
        // Its processes may write after what is appended at its end.
        let output = File::options().append(true).open(&file).with_context(cannot)?;
        let errors = output.try_clone().with_context(cannot)?;
        let mut command = Command::new(&program.file);
        command
            .args(&program.args)
            .current_dir(&program.dir)
            .envs(setting.env.iter().map(|(name, value)| (name, value)))
            .env("CARGO", cargo::program())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        cargo::clean(&mut command);
        // As cargo does. With this variable cargo would rebuild everything.
        if program.file.as_os_str() != cargo::program() {
            command.env("CARGO_MANIFEST_DIR", &program.dir);
        }
        let child = command.spawn();
        let child = child.with_context(|| format!("cannot start {}", program.file.display()))?;
        Ok(Self { program, child, file, begun: Instant::now() })
    }

    /// What it has said so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.file).unwrap_or_default()
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ProgramEnd>> {
        let Some(status) = self.child.try_wait().context("cannot look after a program")? else {
            return Ok(None);
        };
        let bytes =
            fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        Ok(Some(ProgramEnd {
            passed: status.success(),
            took: self.begun.elapsed(),
            output: String::from_utf8_lossy(&bytes).into_owned(),
        }))
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // It has ended unless there was an error.
        self.child.kill().ok();
    }
}

impl ProgramEnd {
    /// All of a failed program's output, else its last line. A program without tests gets none.
    pub(crate) fn show(&self, name: &str) {
        let Self { passed, took, output, .. } = self;
        let (seconds, count, ignored) =
            (took.as_secs(), tests(output, "passed"), tests(output, "ignored"));
        if !passed {
            print(&format!("\nfailure in {name}, {seconds} s:\n{}", output.trim_end()));
        } else if count + ignored > 0 {
            let left_out =
                if ignored == 0 { String::new() } else { format!(", {ignored} ignored") };
            print(&format!("{name}: {count} passed{left_out}, {seconds} s"));
        }
    }
}

fn file_name(program: &str) -> String {
    program.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

//! Runs one test program, and shows its output.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::Children;

use crate::process::cargo;
use crate::test::meter::Meter;
use crate::test::programs::TestProgram;
use ballet_terminal::ui;

/// The time that a program has to end after the signal.
const PATIENCE: Duration = Duration::from_secs(20);
/// The interval between two looks at a program's output.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The end of a program.
#[derive(Debug)]
pub(crate) struct ProgramEnd {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// Whether it was ended because it had been silent too long.
    pub(crate) hung: bool,
    pub(crate) took: Duration,
    /// The processor seconds that it took, with all its children that have ended.
    pub(crate) cpu: f64,
    pub(crate) output: String,
}

/// The directories and limits that programs run with.
pub(crate) struct RunSetting<'a> {
    /// The directory for their output.
    pub(crate) output: &'a Path,
    pub(crate) env: &'a [(String, String)],
    pub(crate) children: &'a Children,
    /// The longest silence. A program that is silent for longer hangs: it is ended, and has failed.
    pub(crate) silence: Duration,
    pub(crate) meter: &'a Meter,
}

/// Runs a program, with its whole output in the directory.
pub(crate) async fn run_one(program: TestProgram, setting: &RunSetting<'_>) -> Result<ProgramEnd> {
    let RunSetting { output, env, children, silence, meter } = *setting;
    let begun = Instant::now();
    let place = place(output, &program.name);
    let file = File::create(&place).with_context(|| format!("cannot write {}", place.display()))?;
    let mut note = file.try_clone().context("cannot share a file")?;
    let errors = file.try_clone().context("cannot share a file")?;
    let mut child = children
        .start(&program.file, &program.args, |command| {
            command
                .current_dir(&program.dir)
                .envs(env.iter().map(|(name, value)| (name, value)))
                .env("CARGO", cargo::program())
                .stdout(file)
                .stderr(errors);
            cargo::clean(command.as_std_mut());
            // As cargo does. With these variables cargo itself would rebuild everything.
            if program.file.as_os_str() != cargo::program() {
                command.env("CARGO_MANIFEST_DIR", &program.dir);
            }
        })
        .await?;
    // A program that has ended does not hang, however late we notice.
    let (passed, hung) = tokio::select! {
        biased;
        status = child.wait() => (status?.success(), false),
        () = falls_silent(&place, silence) => (false, true),
    };
    if hung {
        child.stop(PATIENCE).await;
        let why = format!("\nit was ended: a program that says nothing for {silence:?} hangs\n");
        note.write_all(why.as_bytes()).context("cannot write what a program said")?;
    }
    let cpu = meter.since_the_last();
    let bytes = fs::read(&place).with_context(|| format!("cannot read {}", place.display()))?;
    Ok(ProgramEnd {
        name: program.name,
        passed,
        hung,
        took: begun.elapsed(),
        cpu,
        output: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// Returns once a program's output has not grown for `silence`. Even on a slow machine tests end one after the other,
/// and the program prints a line for each.
async fn falls_silent(output: &Path, silence: Duration) {
    let length = || fs::metadata(output).map_or(0, |file| file.len());
    let (mut said, mut silent) = (length(), Duration::ZERO);
    while silent < silence {
        let pause = LOOK_EVERY.min(silence);
        tokio::time::sleep(pause).await;
        let says = length();
        silent = if says == said { silent + pause } else { Duration::ZERO };
        said = says;
    }
}

fn place(output: &Path, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    output.join(format!("{}.log", name.chars().map(plain).collect::<String>()))
}

/// Prints the whole output of a program that failed, else its last line. A program without tests gets no line.
pub(crate) fn show(end: &ProgramEnd) {
    let ProgramEnd { name, passed, hung: _, took, cpu, output } = end;
    let times = format!("{} s, {cpu:.1} s of a processor", took.as_secs());
    if !passed {
        ui::print(&format!("\n{} in {name}, {times}:\n{}", ui::red("failure"), output.trim_end()));
    } else if tests(output, "passed") + tests(output, "ignored") > 0 {
        let ignored = match tests(output, "ignored") {
            0 => String::new(),
            count => format!(", {count} ignored"),
        };
        let count = tests(output, "passed");
        ui::print(&format!("{name}: {count} {}{ignored}, {times}", ui::green("passed")));
    }
}

/// The tests that were left out, each with its reason: `left out: alarms::rules: there is no promtool`.
pub(crate) fn left_out(output: &str) -> impl Iterator<Item = &str> {
    // The runner may have begun the line with the test's name.
    output.lines().filter_map(|line| Some(line.split_once("left out: ")?.1))
}

/// The number of tests with this result, from the closing lines: `test result: ok. 3 passed; 0 failed`. A test that was
/// left out has passed for the test runner, and counts as ignored.
pub(crate) fn tests(output: &str, how: &str) -> usize {
    let closing = output.lines().filter_map(|line| line.strip_prefix("test result: "));
    let counts = closing.flat_map(|line| line.split(['.', ';'])).filter_map(|part| {
        let (count, ended) = part.trim().split_once(' ')?;
        if ended == how { count.parse::<usize>().ok() } else { None }
    });
    let count: usize = counts.sum();
    match how {
        "passed" => count.saturating_sub(left_out(output).count()),
        "ignored" => count + left_out(output).count(),
        _ => count,
    }
}

#[cfg(test)]
mod tests_of_one {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_that_goes_on_may_take_as_long_as_it_likes() {
        let output = std::env::temp_dir().join(format!("ballet-silence-{}", std::process::id()));
        let silence = Duration::from_secs(600);
        let ended = falls_silent(&output, silence);
        tokio::pin!(ended);
        for lines in 1..10 {
            fs::write(&output, "test a ... ok\n".repeat(lines)).expect("written");
            let goes_on = tokio::time::timeout(silence - LOOK_EVERY, &mut ended).await;
            assert!(goes_on.is_err(), "after {lines} lines");
        }
        ended.await;
        fs::remove_file(&output).expect("removed");
    }

    #[test]
    fn the_closing_lines_are_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                    finished in 0.10s";
        let output = format!("running 4 tests\n{line}\nrunning 4 tests\n{line}\n");
        assert_eq!((tests(&output, "passed"), tests(&output, "ignored")), (6, 2));
        assert_eq!(tests("test result: FAILED. 1 passed; 2 failed; 0 ignored", "failed"), 2);
        assert_eq!(tests("nothing of the kind", "passed"), 0);
        let output = format!("test a ... left out: a: there is no b\nok\n{line}\n");
        assert_eq!((tests(&output, "passed"), tests(&output, "ignored")), (2, 2));
        assert!(left_out(&output).eq(["a: there is no b"]));
    }
}

//! Several test programs at the same time.
//!
//! Most tests wait: for a broker that starts, for a lease to end, for a connection to be given up.
//! So there are more programs at a time than the machine has processors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::process::cargo;
use crate::process::children::Children;
use crate::test::programs::Program;
use crate::ui;

/// How a program ended.
#[derive(Debug)]
struct End {
    name: String,
    passed: bool,
    took: Duration,
    output: String,
}

/// Runs all programs, with so many at a time, and shows what each says when it has ended; whether
/// all tests passed. The whole output of each is kept in the directory.
pub(crate) async fn run(
    programs: Vec<Program>,
    at_once: usize,
    output: &Path,
    env: &[(String, String)],
    children: &Children,
) -> Result<bool> {
    fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    let (begun, count) = (Instant::now(), programs.len());
    ui::say(&format!(
        "{count} test programs, {at_once} at a time; their output is in {}",
        output.display()
    ));
    let mut waiting = programs.into_iter();
    let mut running: FuturesUnordered<_> =
        waiting.by_ref().take(at_once).map(|one| run_one(one, output, env, children)).collect();
    let mut failed = Vec::new();
    let mut counts = [("passed", 0), ("failed", 0), ("ignored", 0)];
    while let Some(end) = running.next().await {
        let end = end?;
        running.extend(waiting.next().map(|one| run_one(one, output, env, children)));
        show(&end);
        for (how, count) in &mut counts {
            *count += tests(&end.output, how);
        }
        if !end.passed {
            failed.push(end.name);
        }
    }
    let all_passed = failed.is_empty();
    if !all_passed {
        ui::print(&format!("\n{} in: {}", ui::red("failures"), failed.join("; ")));
    }
    // In the runner's own form, over all programs.
    let [passed, failed, ignored] = counts.map(|(how, count)| format!("{count} {how}"));
    let result = if all_passed { "ok" } else { "FAILED" };
    let took = begun.elapsed().as_secs_f64();
    ui::print(&format!(
        "\ntest result: {result}. {passed}; {failed}; {ignored}; 0 measured; 0 filtered out; \
         finished in {took:.2}s"
    ));
    Ok(all_passed)
}

async fn run_one(
    program: Program,
    output: &Path,
    env: &[(String, String)],
    children: &Children,
) -> Result<End> {
    let begun = Instant::now();
    let place = place(output, &program.name);
    let file = File::create(&place).with_context(|| format!("cannot write {}", place.display()))?;
    let errors = file.try_clone().context("cannot share a file")?;
    let mut child = children
        .start(&program.file, &program.args, |command| {
            command
                .current_dir(&program.dir)
                .envs(env.iter().map(|(name, value)| (name, value)))
                .env("CARGO", cargo::program())
                .env("CARGO_MANIFEST_DIR", &program.dir)
                .stdout(file)
                .stderr(errors);
            for name in cargo::inherited().filter(|name| name != "CARGO_MANIFEST_DIR") {
                command.env_remove(name);
            }
        })
        .await?;
    let status = child.wait().await?;
    let bytes = fs::read(&place).with_context(|| format!("cannot read {}", place.display()))?;
    Ok(End {
        name: program.name,
        passed: status.success(),
        took: begun.elapsed(),
        output: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

fn place(output: &Path, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    output.join(format!("{}.log", name.chars().map(plain).collect::<String>()))
}

/// All that a program said if it failed, else what it said last. A program without tests is not
/// worth a line.
fn show(end: &End) {
    let End { name, passed, took, output } = end;
    let seconds = took.as_secs();
    if !passed {
        ui::print(&format!(
            "\n{} in {name}, {seconds} s:\n{}",
            ui::red("failure"),
            output.trim_end()
        ));
    } else if tests(output, "passed") + tests(output, "ignored") > 0 {
        let ignored = match tests(output, "ignored") {
            0 => String::new(),
            count => format!(", {count} ignored"),
        };
        let count = tests(output, "passed");
        ui::print(&format!("{name}: {count} {}{ignored}, {seconds} s", ui::green("passed")));
    }
}

/// How many tests ended so, by the runner's closing lines: `test result: ok. 3 passed; 0 failed`.
fn tests(output: &str, how: &str) -> usize {
    let closing = output.lines().filter_map(|line| line.strip_prefix("test result: "));
    let counts = closing.flat_map(|line| line.split(['.', ';'])).filter_map(|part| {
        let (count, ended) = part.trim().split_once(' ')?;
        if ended == how { count.parse::<usize>().ok() } else { None }
    });
    counts.sum()
}

#[cfg(test)]
mod tests_of_running {
    use super::*;

    fn shell(name: &str, script: &str) -> Program {
        let args = ["-c", script].map(str::to_owned).to_vec();
        Program { name: name.to_owned(), file: "sh".into(), args, dir: std::env::temp_dir() }
    }

    #[test]
    fn the_closing_lines_are_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                    finished in 0.10s";
        let output = format!("running 4 tests\n{line}\nrunning 4 tests\n{line}\n");
        assert_eq!((tests(&output, "passed"), tests(&output, "ignored")), (6, 2));
        assert_eq!(tests("test result: FAILED. 1 passed; 2 failed; 0 ignored", "failed"), 2);
        assert_eq!(tests("nothing of the kind", "passed"), 0);
    }

    #[tokio::test]
    async fn programs_run_at_the_same_time_and_one_that_fails_is_noticed() {
        let output = std::env::temp_dir().join(format!("ballet-side-{}", std::process::id()));
        let children = Children::new().expect("a watchdog");
        // Each needs the other.
        let meet = |own: &str, other: &str| {
            format!("touch $MEET/{own}; until [ -e $MEET/{other} ]; do sleep 0.05; done")
        };
        let meeting = output.display().to_string();
        let env = [("MEET".to_owned(), meeting)];
        let both = vec![shell("one", &meet("a", "b")), shell("two", &meet("b", "a"))];
        assert!(run(both, 2, &output, &env, &children).await.expect("they run"));
        let bad = vec![shell("bad", "echo what is wrong; exit 3"), shell("good", "exit 0")];
        assert!(!run(bad, 1, &output, &env, &children).await.expect("they run"));
        let said = fs::read_to_string(output.join("bad.log")).expect("its output");
        assert_eq!(said, "what is wrong\n");
        fs::remove_dir_all(&output).expect("removed");
    }
}

//! Runs several test programs at the same time.
//!
//! Most tests wait: for a broker to start, for a lease to end, for a connection to be given up. So more programs run
//! than the machine has processors. One more starts when the processors are still idle.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::test::alone;
use crate::test::one_program::{self, RunSetting, run_one, show};
use crate::test::programs::TestProgram;
use ballet_terminal::ui;

/// The interval between two looks at the idle share.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The idle share above which one more program starts.
const IDLE: f64 = 0.25;

/// The limits on how many programs run at a time.
pub(crate) struct ProgramSlots {
    pub(crate) least: usize,
    /// The limit while the machine is idle.
    pub(crate) most: usize,
    /// The share of the machine that was idle since the last call.
    pub(crate) idle: Box<dyn FnMut() -> f64>,
}

/// Runs all programs, prints the output of each at its end, and returns whether all tests passed. A few failed tests
/// run again alone. The whole output of each is kept in the directory.
pub(crate) async fn run(
    programs: Vec<TestProgram>,
    ProgramSlots { least, most, mut idle }: ProgramSlots,
    setting: &RunSetting<'_>,
) -> Result<bool> {
    let output = setting.output;
    fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    let (begun, count) = (Instant::now(), programs.len());
    ui::say(&format!(
        "{count} test programs, {least} to {most} at a time; their output is in {}",
        output.display()
    ));
    let mut waiting = programs.into_iter();
    let run = async |program: TestProgram| {
        let end = run_one(program.clone(), setting).await;
        end.map(|end| (program, end))
    };
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(least).map(run).collect();
    let mut failed = Vec::new();
    let mut counts = [("passed", 0), ("failed", 0), ("ignored", 0)];
    let mut left_out = Vec::new();
    let mut cpu = 0.0;
    while !running.is_empty() {
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if idle() > IDLE && running.len() < most {
                    running.extend(waiting.next().map(run));
                }
                continue;
            }
        };
        let Some(end) = ended else { break };
        let (program, end) = end?;
        cpu += end.cpu;
        if running.len() < least {
            running.extend(waiting.next().map(run));
        }
        show(&end);
        for (how, count) in &mut counts {
            *count += one_program::tests(&end.output, how);
        }
        left_out.extend(one_program::left_out(&end.output).map(str::to_owned));
        if end.hung {
            let tests = alone::not_passed(&program, &end.output).await.unwrap_or_default();
            failed.push((program, tests));
        } else if !end.passed {
            failed.push((program, alone::failed_tests(&end.output)));
        }
    }
    drop(running);
    let few = failed.iter().map(|(_, tests)| tests.len()).sum::<usize>() <= alone::MOST;
    let (mut broken, mut only_alone) = (Vec::new(), Vec::new());
    for (program, tests) in failed {
        let Some(again) = alone::only(&program, &tests).filter(|_| few) else {
            broken.push(program.name);
            continue;
        };
        let end = run_one(again, setting).await?;
        show(&end);
        let found =
            one_program::tests(&end.output, "passed") + one_program::tests(&end.output, "ignored");
        // All of these tests have to have run; what they print may look like a closing line, hence `>=`.
        if end.passed && found >= tests.len() {
            let [(_, passed), (_, failed), _] = &mut counts;
            (*passed, *failed) = (*passed + tests.len(), failed.saturating_sub(tests.len()));
            only_alone.extend(tests);
        } else {
            broken.push(end.name);
        }
    }
    if !only_alone.is_empty() {
        ui::print(&format!(
            "\n{}: {}. A test must pass on a busy machine, too: see its first output above.",
            ui::yellow("passed only alone"),
            only_alone.join("; ")
        ));
    }
    if !left_out.is_empty() {
        ui::print(&format!("\n{}: {}", ui::yellow("left out"), left_out.join("; ")));
    }
    let all_passed = broken.is_empty();
    if !all_passed {
        ui::print(&format!("\n{} in: {}", ui::red("failures"), broken.join("; ")));
    }
    // In the form of the test runner, over all programs.
    let [passed, failed, ignored] = counts.map(|(how, count)| format!("{count} {how}"));
    let result = if all_passed { "ok" } else { "FAILED" };
    let took = begun.elapsed().as_secs_f64();
    ui::print(&format!(
        "\ntest result: {result}. {passed}; {failed}; {ignored}; 0 measured; 0 filtered out; \
         finished in {took:.2}s"
    ));
    ui::print(&format!("seconds of a processor: the programs {cpu:.0}"));
    Ok(all_passed)
}

#[cfg(test)]
mod tests_of_running {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use ballet_stage::Children;

    use super::*;
    use crate::test::meter::Meter;

    /// At most `least` at a time, one more if the machine is idle.
    fn places(least: usize, idle: f64) -> ProgramSlots {
        ProgramSlots { least, most: least + 1, idle: Box::new(move || idle) }
    }

    fn shell(name: &str, script: &str) -> TestProgram {
        let args = ["-c", script].map(str::to_owned).to_vec();
        TestProgram { name: name.to_owned(), file: "sh".into(), args, dir: std::env::temp_dir() }
    }

    #[tokio::test]
    async fn programs_run_at_the_same_time_and_one_that_fails_is_noticed() {
        let output = std::env::temp_dir().join(format!("ballet-side-{}", std::process::id()));
        let children = Children::new().expect("a watchdog");
        // Each program needs the other.
        let meet = |own: &str, other: &str| {
            format!("touch $MEET/{own}; until [ -e $MEET/{other} ]; do sleep 0.05; done")
        };
        let meeting = output.display().to_string();
        let env = [("MEET".to_owned(), meeting)];
        let silence = Duration::from_secs(60);
        let meter = Meter::default();
        let setting =
            RunSetting { output: &output, env: &env, children: &children, silence, meter: &meter };
        let both = vec![shell("one", &meet("a", "b")), shell("two", &meet("b", "a"))];
        assert!(run(both, places(2, 0.0), &setting).await.expect("they run"));
        let both = vec![shell("one", &meet("c", "d")), shell("two", &meet("d", "c"))];
        assert!(
            run(both, places(1, 1.0), &setting).await.expect("the second begins while one waits")
        );
        let bad = vec![shell("bad", "echo what is wrong; exit 3"), shell("good", "exit 0")];
        assert!(!run(bad, places(1, 0.0), &setting).await.expect("they run"));
        let said = fs::read_to_string(output.join("bad.log")).expect("its output");
        assert_eq!(said, "what is wrong\n");
        // Fails the first time.
        let mut flaky = shell("flaky", "");
        let script = output.join("flaky.sh");
        let text = "#!/bin/sh\nif [ -e $MEET/again ]; then\n\
                    echo 'test result: ok. 1 passed; 0 failed'; exit 0; fi; touch $MEET/again\n\
                    printf '\\nfailures:\\n    a::one\\n\\n'\nexit 1\n";
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
        (flaky.file, flaky.args) = (script, Vec::new());
        assert!(run(vec![flaky], places(1, 0.0), &setting).await.expect("it runs"));
        assert!(output.join("flaky--alone.log").exists());
        // This one hangs, with its child.
        let hangs = shell("hangs", "echo begun; sleep 600 & sleep 600");
        let setting = RunSetting { silence: Duration::from_millis(300), ..setting };
        assert!(!run(vec![hangs], places(1, 0.0), &setting).await.expect("it is ended"));
        let said = fs::read_to_string(output.join("hangs.log")).expect("its output");
        assert!(said.starts_with("begun\n") && said.contains("it was ended"), "{said}");
        fs::remove_dir_all(&output).expect("removed");
    }

    #[tokio::test]
    async fn what_a_program_that_hung_had_not_passed_must_pass_alone() {
        let output = std::env::temp_dir().join(format!("ballet-hung-{}", std::process::id()));
        fs::create_dir_all(&output).expect("a directory");
        let (children, meter) = (Children::new().expect("a watchdog"), Meter::default());
        let silence = Duration::from_secs(3);
        let setting =
            RunSetting { output: &output, env: &[], children: &children, silence, meter: &meter };
        // The result of test `a` before `b` hangs, the number of tests that pass alone, and whether the run succeeds.
        for (first, alone, well) in [("FAILED", 2, true), ("FAILED", 1, false), ("ok", 0, false)] {
            let script = output.join("half.sh");
            let text = format!(
                "#!/bin/sh\ncase \"$*\" in\n*--list*) printf 'a: test\\nb: test\\n'; exit;;\n\
                 *--exact*) echo 'test result: ok. {alone} passed; 0 failed; 0 ignored'; exit;;\nesac\n\
                 echo 'test a ... {first}'; exec sleep 600\n"
            );
            fs::write(&script, text).expect("a script");
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
            let half = TestProgram { file: script, args: Vec::new(), ..shell("half", "") };
            let passed = run(vec![half], places(1, 0.0), &setting).await.expect("it is ended");
            assert_eq!(passed, well, "{first}, {alone}");
        }
        fs::remove_dir_all(&output).expect("removed");
    }
}

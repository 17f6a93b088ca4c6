//! Runs several test programs at the same time.
//!
//! Most tests wait: for a broker's start, a lease's end, a lost connection. So more programs run than there are
//! processors, and one more while processors are idle.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::say::{print, say};
use crate::test::counts::{failed_tests, left_out, tests};
use crate::test::programs::TestProgram;
use crate::test::running::{ProgramEnd, RunSetting, RunningProgram};

/// The interval between two looks at the programs.
const LOOK: Duration = Duration::from_millis(100);
/// The interval between two looks at the idle share.
const LOOK_AT_IDLE: Duration = Duration::from_secs(3);
/// Above it one more program starts.
const IDLE: f64 = 0.25;
/// Failed tests that run again, alone: one that was too slow on a busy machine then passes. More failures have another
/// cause.
const AGAIN: usize = 8;

pub(crate) struct ProgramSlots {
    pub(crate) least: usize,
    /// The limit while the machine is idle.
    pub(crate) most: usize,
    /// The share of the machine that was idle since the last call.
    pub(crate) idle: Box<dyn FnMut() -> f64>,
}

#[derive(Default)]
struct Results {
    passed: usize,
    failed: usize,
    ignored: usize,
    left_out: Vec<String>,
    broken: Vec<(TestProgram, Vec<String>)>,
}

impl Results {
    fn add(&mut self, program: &TestProgram, end: &ProgramEnd) {
        end.show(&program.name);
        self.passed += tests(&end.output, "passed");
        self.failed += tests(&end.output, "failed");
        self.ignored += tests(&end.output, "ignored");
        self.left_out.extend(left_out(&end.output).map(str::to_owned));
        if !end.passed {
            self.broken.push((program.clone(), failed_tests(&end.output)));
        }
    }
}

/// Prints each output at its end. A few failed tests run again, alone. Whole outputs stay in the directory. Returns
/// whether all passed.
pub(crate) fn run(
    programs: Vec<TestProgram>,
    ProgramSlots { least, most, mut idle }: ProgramSlots,
    setting: &RunSetting,
) -> Result<bool> {
    let output = setting.output.display();
    fs::create_dir_all(&setting.output).with_context(|| format!("cannot create {output}"))?;
    let (begun, count) = (Instant::now(), programs.len());
    say(&format!(
        "{count} test programs, {least} to {most} at a time; their output is in {output}"
    ));
    let (mut results, mut waiting) = (Results::default(), programs.into_iter());
    let (mut running, mut slots, mut looked) = (Vec::new(), least, begun);
    loop {
        while running.len() < slots
            && let Some(program) = waiting.next()
        {
            running.push(RunningProgram::start(program, setting)?);
        }
        if running.is_empty() {
            break;
        }
        std::thread::sleep(LOOK);
        let mut at = 0;
        while at < running.len() {
            match running[at].ended()? {
                Some(end) => results.add(&running.swap_remove(at).program, &end),
                None => at += 1,
            }
        }
        slots = least.max(running.len());
        if looked.elapsed() >= LOOK_AT_IDLE {
            looked = Instant::now();
            slots = if idle() > IDLE { most.min(slots + 1) } else { slots };
        }
    }
    let broken = again(&mut results, setting)?;
    if !results.left_out.is_empty() {
        print(&format!("\nleft out: {}", results.left_out.join("; ")));
    }
    if !broken.is_empty() {
        print(&format!("\nfailures in: {}", broken.join("; ")));
    }
    // In the form of the test runner, over all programs.
    let Results { passed, failed, ignored, .. } = results;
    let result = if broken.is_empty() { "ok" } else { "FAILED" };
    print(&format!(
        "\ntest result: {result}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out; \
         finished in {:.2}s",
        begun.elapsed().as_secs_f64()
    ));
    Ok(broken.is_empty())
}

/// Returns the programs that failed again.
fn again(results: &mut Results, setting: &RunSetting) -> Result<Vec<String>> {
    let all = std::mem::take(&mut results.broken);
    let few = all.iter().map(|(_, tests)| tests.len()).sum::<usize>() <= AGAIN;
    let (mut broken, mut only_alone) = (Vec::new(), Vec::new());
    for (program, failed) in all {
        let Some(alone) = program.only(&failed).filter(|_| few) else {
            broken.push(program.name);
            continue;
        };
        let mut running = RunningProgram::start(alone, setting)?;
        let end = loop {
            std::thread::sleep(LOOK);
            if let Some(end) = running.ended()? {
                break end;
            }
        };
        end.show(&running.program.name);
        // All of these have to have run. What they print may look like a closing line, hence `>=`.
        if end.passed && tests(&end.output, "passed") >= failed.len() {
            results.passed += failed.len();
            results.failed = results.failed.saturating_sub(failed.len());
            only_alone.extend(failed);
        } else {
            broken.push(program.name);
        }
    }
    if !only_alone.is_empty() {
        print(&format!(
            "\npassed only alone: {}. A test must pass on a busy machine, too: see its first output above.",
            only_alone.join("; ")
        ));
    }
    Ok(broken)
}

/// Measures the share of idle processor time, from `/proc/stat`.
#[derive(Debug, Default)]
pub(crate) struct IdleMeter {
    /// The ticks at the last call: idle ones, and all.
    seen: Option<(u64, u64)>,
}

impl IdleMeter {
    /// 0 at the first call, and without `/proc/stat`.
    pub(crate) fn since_the_last(&mut self) -> f64 {
        let now = fs::read_to_string("/proc/stat").ok().and_then(|text| ticks(&text));
        let before = std::mem::replace(&mut self.seen, now);
        now.zip(before).map_or(0.0, |((idle, all), (idle_before, all_before))| {
            share(idle.saturating_sub(idle_before), all.saturating_sub(all_before))
        })
    }
}

/// Reads user, nice, system, idle, then waits for disks and interrupts in the first line. Returns idle and total ticks.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let numbers = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
    Some((*numbers.get(3)?, numbers.iter().sum()))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 ticks")]
fn share(idle: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { idle as f64 / all as f64 }
}

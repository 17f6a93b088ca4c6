//! Sends a million events from a file to the journal and back to a file, each interrupted on the way.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ballet_stage::TestEnv;
use ballet_stream::{Record, Recording};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde_json::Value;

use crate::stream::turn::{self, ProcessCost, TimedProcess};

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The exit code of an interrupted `ballet replay`.
const PARTLY: i32 = 3;

/// The figures of the million events.
#[derive(Debug, Serialize)]
pub(crate) struct MillionFigures {
    pub(crate) events: u64,
    /// The size of the recording, in megabytes.
    pub(crate) size: f64,
    pub(crate) replay: ProcessCost,
    /// The events that were sent before the interruption.
    pub(crate) replayed: u64,
    pub(crate) record: ProcessCost,
    /// The megabytes that were recorded before the interruption.
    pub(crate) recorded: f64,
}

/// Replays the recording, and records the result to another file, which has to hold the same events.
pub(crate) async fn replay_and_record(
    ballet: &Path,
    env: &TestEnv,
    recording: &Path,
    events: u64,
    to: &Path,
) -> Result<MillionFigures> {
    let path = |path: &Path| path.display().to_string();
    let (file, new, url) = (path(recording), path(to), env.ops_amqp_url());
    let replay = ["replay", &file, "--pace", "max", "--to", url];
    let half = TimedProcess::start(ballet, &[&replay[..], &["--yes"]].concat(), Stdio::null())?;
    let progress = recording.with_extension("jsonl.replay");
    let sent = || fs::read(&progress).ok().and_then(|text| sent_of(&text)).unwrap_or_default();
    stop_when(&half, Signal::TERM, || sent() > events / 3).await?;
    let (first, status, said) = half.end().await?;
    ensure!(status.code() == Some(PARTLY), "the interrupted replay: {status}: {}", said.trim());
    let replayed = sent();
    let rest = turn::run(ballet, &[&replay[..], &["--resume"]].concat()).await?;
    let replay = first.then(rest);

    let size = fs::metadata(recording).context("cannot read the recording")?.len();
    let length = || fs::metadata(to).map(|found| found.len()).unwrap_or_default();
    let record = ["--amqp-url", url, "record", &new];
    let half =
        TimedProcess::start(ballet, &[&record[..], &["--from", "first"]].concat(), Stdio::null())?;
    stop_when(&half, Signal::KILL, || length() > size / 3).await?;
    let (first, ..) = half.end().await?;
    let recorded = length();
    let rest = ["--append", "--until", "now"];
    let rest = turn::run(ballet, &[&record[..], &rest].concat()).await?;
    let record = first.then(rest);
    check_same_events(recording, to, events)?;
    let (size, recorded) = (megabytes(size), megabytes(recorded));
    Ok(MillionFigures { events, size, replay, replayed, record, recorded })
}

/// The progress that the file beside a recording notes.
fn sent_of(text: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(text).ok()?["sent"].as_u64()
}

async fn stop_when(turn: &TimedProcess, signal: Signal, when: impl Fn() -> bool) -> Result<()> {
    let pid = turn.pid().context("it has ended before it was stopped")?;
    while !when() {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            bail!("it has ended before it was stopped");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // If the process has ended, its exit code tells.
    Pid::from_raw(pid).map(|pid| kill_process(pid, signal)).transpose().ok();
    Ok(())
}

/// Checks that every event is there once, in order and unchanged.
fn check_same_events(one: &Path, other: &Path, events: u64) -> Result<()> {
    let (mut one, mut other) = (Recording::open(one)?, Recording::open(other)?);
    for number in 0..events {
        let next =
            |from: &mut Recording| -> Result<Option<Record>> { Ok(from.next().transpose()?) };
        let (sent, came) = (next(&mut one)?, next(&mut other)?);
        let came = came.map(|came| Record { offset: None, ..came });
        ensure!(sent.is_some() && sent == came, "event {number} was {sent:?} and is {came:?}");
    }
    ensure!(other.next().is_none(), "there are more events than were sent");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "the size of a file")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

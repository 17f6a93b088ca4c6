//! Runs the commands and the bare loops in turn, then sends a million events through `replay` and `record`, and
//! compares two runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use ballet::core::{System, topology};
use ballet_stage::TestEnv;
use ballet_stream::{RecordingHeader, RecordingWriter, Start};

use crate::runs::stage::BenchStage;
use crate::stream::compare::ComparisonResult;
use crate::stream::figures::{CommandPair, ComparisonFigures, StreamFigures};
use crate::stream::million;
use crate::stream::orders::{EVENTS_EACH, OrderRun};
use crate::stream::turn::{self, ProcessCost, TimedProcess};

const SOUND: OrderRun = OrderRun { number: 1, faults: false };
const BROKEN: OrderRun = OrderRun { number: 2, faults: true };
const JOBS: [&str; 3] = ["tap", "record", "replay"];

/// The extent of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct StreamExtent {
    /// The number of turns of each command and each loop.
    pub rounds: usize,
    /// The number of orders whose events make a turn.
    pub orders: u64,
    /// The number of orders whose events are replayed, recorded and compared.
    pub compared: u64,
}

/// Measures everything. `say` is called with each task.
///
/// # Errors
///
/// If a program fails, or does not do what it should.
pub async fn measure(
    stage: &BenchStage,
    extent: StreamExtent,
    say: impl Fn(&str),
) -> Result<StreamFigures> {
    let ballet = stage.program.with_file_name("ballet");
    let bare = stage.program.with_file_name("bench-stream");
    for program in [&ballet, &bare] {
        if !program.exists() {
            bail!("{} is missing: build the packages `ballet-cli` and `bench`", program.display());
        }
    }
    let folder = stage.logs.join("stream");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let programs = Programs { ballet, bare, folder };
    let pairs = programs.turns(stage, extent, &say).await?;
    let recordings = [(SOUND, "sound.jsonl"), (BROKEN, "broken.jsonl")];
    for (run, name) in recordings {
        write(run, extent.compared, &programs.folder.join(name))?;
    }
    say("stream: a million events are written to a file");
    let env = env(stage).await?;
    let (from, to) = (programs.folder.join("sound.jsonl"), programs.folder.join("again.jsonl"));
    let events = extent.compared * EVENTS_EACH;
    let million = million::replay_and_record(&programs.ballet, &env, &from, events, &to).await;
    env.close().await?;
    let million = million?;
    say("stream: they were replayed and recorded");
    let mut compared = Vec::new();
    for sagas in [extent.compared / 10, extent.compared] {
        for (run, name) in recordings.into_iter().filter(|_| sagas < extent.compared) {
            write(run, sagas, &programs.folder.join(format!("few-{name}")))?;
        }
        compared.push(programs.compare(sagas, sagas == extent.compared).await?);
        say(&format!("stream: {sagas} sagas are compared"));
    }
    // The files are large. A failure does no harm: the next run removes them.
    fs::remove_dir_all(&programs.folder).ok();
    let events = extent.orders * EVENTS_EACH;
    Ok(StreamFigures { events, pairs, million, compared })
}

/// Creates an environment with a journal and no services.
async fn env(stage: &BenchStage) -> Result<TestEnv> {
    let system = System { name: "shop", parts: Vec::new() };
    let definitions = topology::definitions(&system, |_| String::new());
    Ok(TestEnv::new(&stage.servers, "stream", &definitions, &[]).await?)
}

/// Writes the events of a run to a file, in the format of `ballet record`.
fn write(run: OrderRun, orders: u64, file: &Path) -> Result<()> {
    let header =
        RecordingHeader::new("shop", "nowhere", "2026-11-22T09:00:00Z".parse()?, Start::First);
    let mut writer = RecordingWriter::create(file, &header, false)?;
    for record in run.events(orders) {
        writer.add(&record?)?;
    }
    writer.finish()?;
    Ok(())
}

struct Programs {
    ballet: PathBuf,
    bare: PathBuf,
    folder: PathBuf,
}

impl Programs {
    async fn turns(
        &self,
        stage: &BenchStage,
        extent: StreamExtent,
        say: &impl Fn(&str),
    ) -> Result<Vec<CommandPair>> {
        let events = self.folder.join("turn.jsonl");
        write(SOUND, extent.orders, &events)?;
        // One journal is read, the other is written to.
        let (full, other) = (env(stage).await?, env(stage).await?);
        let measured = async {
            turn::run(&self.bare, &["replay", full.ops_amqp_url(), &text(&events)]).await?;
            let mut pairs: Vec<CommandPair> = JOBS.map(CommandPair::new).into();
            for round in 0..extent.rounds {
                for pair in &mut pairs {
                    let env = if pair.job == "replay" { &other } else { &full };
                    let url = env.ops_amqp_url();
                    // Each of the two goes first in every other round.
                    for turn in [round, round + 1] {
                        let is_ballet = turn % 2 == 1;
                        let took = self.turn(pair.job, is_ballet, url, extent, &events).await?;
                        let row = if is_ballet { &mut pair.ballet } else { &mut pair.bare };
                        row.add(took, extent.orders * EVENTS_EACH);
                    }
                    let CommandPair { job, bare, ballet } = pair;
                    say(&format!("stream {}: {job}: {bare} bare, {ballet}", round + 1));
                }
            }
            Ok(pairs)
        };
        let measured = measured.await;
        full.close().await?;
        other.close().await?;
        measured
    }

    async fn turn(
        &self,
        job: &str,
        is_ballet: bool,
        url: &str,
        extent: StreamExtent,
        events: &Path,
    ) -> Result<ProcessCost> {
        let count = (extent.orders * EVENTS_EACH).to_string();
        let (events, recorded) = (text(events), self.folder.join("recorded.jsonl"));
        fs::remove_file(&recorded).ok();
        let recorded = text(&recorded);
        let range = ["--from", "first", "--limit", &count];
        let read = ["--amqp-url", url];
        let (program, args) = match (job, is_ballet) {
            ("tap", false) => (&self.bare, vec!["tap", url, &count]),
            ("tap", true) => (&self.ballet, [&read[..], &["tap", "-o", "jsonl"], &range].concat()),
            ("record", false) => (&self.bare, vec!["record", url, &count, &recorded]),
            ("record", true) => {
                (&self.ballet, [&read[..], &["record", &recorded], &range].concat())
            }
            (_, false) => (&self.bare, vec!["replay", url, &events]),
            (_, true) => {
                let args = ["replay", &events, "--pace", "max", "--to", url, "--yes"];
                (&self.ballet, args.to_vec())
            }
        };
        turn::run(program, &args).await
    }

    async fn compare(&self, sagas: u64, all: bool) -> Result<ComparisonFigures> {
        let few = if all { "" } else { "few-" };
        let path = |name: &str| text(&self.folder.join(name));
        let (expected, came) =
            (path(&format!("{few}sound.jsonl")), path(&format!("{few}broken.jsonl")));
        let run = |run: OrderRun| run.number.to_string();
        let (one, other, count) = (run(SOUND), run(BROKEN), sagas.to_string());
        let parts = path("parts");
        let args = ["compare", &expected, &one, &came, &other, &count, &parts];
        let printed = self.folder.join("found.json");
        let out = fs::File::create(&printed).context("cannot write what is found")?;
        let took = TimedProcess::start(&self.bare, &args, Stdio::from(out))?.done().await?;
        let found = ComparisonResult::read(&fs::read_to_string(&printed)?)?;
        Ok(ComparisonFigures { took, found })
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

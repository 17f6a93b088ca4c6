//! `ballet replay --expect`: compares answers with the recorded ones.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_ops::stream::{
    ComparedSagas, Comparison, ComparisonCounts, Joins, JournalItem, JournalReader, MadeKeys,
    NewIds, Notice, Record, Recording, Repeatable, Start,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::base::exit::{ExitStatus, of_journal};
use crate::base::systems::loaded_system;
use crate::base::ui::{self, Output};
use crate::tester::stream::differences::DifferenceReport;
use crate::tester::stream::selection::duration;
use crate::tester::stream::{steps_not_run, unrepeatable};

/// The options that ask for a comparison of the answers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct ExpectArgs {
    /// Compare the services' answers with this recording, saga by saga; implies --from-outside
    #[arg(long, value_name = "FILE", conflicts_with_all = ["expect_same", "resume"])]
    expect: Option<PathBuf>,
    /// The same with the recording that is replayed
    #[arg(long, conflicts_with = "resume")]
    expect_same: bool,
    #[command(flatten)]
    comparing: ComparingArgs,
}

/// The options of the comparison.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct ComparingArgs {
    /// Leave out fields of this name
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
    /// Compare when no answer has come for this long
    #[arg(long, value_name = "AGE", default_value = "10s", value_parser = duration)]
    settle: Duration,
}

impl ExpectArgs {
    pub(crate) fn with(expect: Option<PathBuf>, comparing: ComparingArgs) -> Self {
        Self { expect_same: expect.is_none(), expect, comparing }
    }

    pub(crate) fn recording<'a>(&'a self, replayed: &'a Path) -> Option<&'a Path> {
        self.expect.as_deref().or(self.expect_same.then_some(replayed))
    }
}

#[derive(Debug, Default)]
pub(crate) struct SentSagas(HashSet<Uuid>);

impl SentSagas {
    pub(crate) fn add(&mut self, record: &Record) {
        self.0.extend(record.saga_id());
    }
}

pub(crate) struct Expectation {
    gathering: JoinHandle<Result<Comparison>>,
    sent: oneshot::Sender<()>,
    output: Output,
    recorded: BTreeSet<String>,
}

impl Expectation {
    /// Listens to the journal from its end on.
    pub(crate) async fn begin(
        args: &ExpectArgs,
        expected: &Path,
        sagas: &SentSagas,
        ids: Option<&NewIds>,
        broker: Arc<dyn Broker>,
        made: MadeKeys,
        (run, output): (Uuid, Output),
    ) -> Result<Self> {
        let recorded: ComparedSagas = sagas.0.iter().map(|saga| (*saga, *saga)).collect();
        let sent: ComparedSagas =
            sagas.0.iter().map(|saga| (ids.map_or(*saga, |ids| ids.of(*saga)), *saga)).collect();
        let ignored = args.comparing.ignore.iter().cloned().collect();
        let folder = std::env::temp_dir().join(format!("ballet-replay-{run}"));
        let joins = loaded_system().map(Joins::of).unwrap_or_default();
        let comparison = Comparison::new(&folder, recorded, sent, ignored)?;
        let mut comparison = comparison.with_joins(joins).with_keys(made);
        let mut repeatable = loaded_system().map(Repeatable::by);
        let mut seen = BTreeSet::new();
        for record in Recording::open(expected)? {
            let record = record?;
            if comparison.expect(&record)? && !record.is_dead_letter() {
                seen.insert(record.event_type().to_owned());
            }
            if let Some(repeatable) = &mut repeatable {
                repeatable.add(&record);
            }
        }
        if let Some(repeatable) = &repeatable {
            unrepeatable::limit(&mut comparison, &sagas.0, repeatable);
        }
        let reader = JournalReader::open(broker, Start::Next).await.map_err(of_journal)?;
        let (sent, all_sent) = oneshot::channel();
        let gathering = tokio::spawn(gather(reader, comparison, all_sent, args.comparing.settle));
        Ok(Self { gathering, sent, output, recorded: seen })
    }

    pub(crate) async fn give_up(self) {
        self.gathering.abort();
        // The task ends with the abort, or has ended with an error.
        self.gathering.await.ok();
    }

    pub(crate) async fn compare(self) -> Result<ExitStatus> {
        ui::say("waiting until the services have answered");
        self.sent.send(()).ok();
        let mut comparison = self.gathering.await??;
        let mut shown = DifferenceReport::new(self.output);
        let compared = comparison.finish(|difference| shown.show(&difference))?;
        shown.end();
        let ComparisonCounts { sagas, different } = compared;
        steps_not_run::say(&self.recorded);
        if different == 0 {
            ui::say(&format!("{} of {} are the same", ui::grouped(sagas), ui::grouped(sagas)));
            return Ok(ExitStatus::All);
        }
        ui::say(&format!("{} of {} sagas differ", ui::grouped(different), ui::grouped(sagas)));
        shown.sum_up();
        Ok(ExitStatus::Different)
    }
}

/// Gathers the answers until all events are sent and no more answers come for `settle`.
async fn gather(
    mut reader: JournalReader,
    mut comparison: Comparison,
    mut all_sent: oneshot::Receiver<()>,
    settle: Duration,
) -> Result<Comparison> {
    let (mut is_sent, mut quiet) = (false, pin!(sleep(settle)));
    loop {
        tokio::select! {
            read = reader.next() => match read.map_err(of_journal)? {
                JournalItem::Record(record) => {
                    if comparison.came(&record)? {
                        quiet.as_mut().reset(Instant::now() + settle);
                    }
                }
                JournalItem::Notice(Notice::Lost(error)) => ui::say(&format!("{error}; trying again")),
                JournalItem::Notice(_) => {}
            },
            _ = &mut all_sent, if !is_sent => {
                is_sent = true;
                quiet.as_mut().reset(Instant::now() + settle);
            }
            () = &mut quiet, if is_sent => break,
        }
    }
    reader.close().await;
    Ok(comparison)
}

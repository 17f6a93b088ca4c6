//! Compares the answers to a replay with the recorded ones.

use std::collections::HashSet;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_ops::stream::{
    ComparedSagas, Comparison, ComparisonCounts, Joins, JournalItem, JournalReader, NewIds, Notice,
    Record, Recording, Start,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::base::exit::{ExitStatus, of_journal};
use crate::base::options::GlobalOptions;
use crate::base::systems::loaded_system;
use crate::base::ui::{self, Output};
use crate::tester::stream::differences::DifferenceReport;
use crate::tester::stream::event_selector::EventSelector;
use crate::tester::stream::selection::duration;
use crate::tester::stream::unrepeatable;

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
}

impl Expectation {
    /// Listens to the journal from its end on.
    pub(crate) async fn begin(
        args: &ComparingArgs,
        expected: &Path,
        sagas: &SentSagas,
        ids: Option<&NewIds>,
        broker: Arc<dyn Broker>,
        selected: &EventSelector,
        options: &GlobalOptions,
    ) -> Result<Self> {
        let recorded: ComparedSagas = sagas.0.iter().map(|saga| (*saga, *saga)).collect();
        let sent: ComparedSagas =
            sagas.0.iter().map(|saga| (ids.map_or(*saga, |ids| ids.of(*saga)), *saga)).collect();
        let ignored = args.ignore.iter().cloned().collect();
        let joins = loaded_system().map(Joins::of).unwrap_or_default();
        let comparison = Comparison::new(recorded, sent, ignored);
        let mut comparison = comparison.with_joins(joins).with_keys(selected.made.clone());
        for record in Recording::open(expected)? {
            comparison.expect(&record?);
        }
        if let Some(repeatable) = &selected.repeatable {
            unrepeatable::limit(&mut comparison, &sagas.0, repeatable);
        }
        let reader = JournalReader::open(broker, Start::Next).await.map_err(of_journal)?;
        let (sent, all_sent) = oneshot::channel();
        let gathering = tokio::spawn(gather(reader, comparison, all_sent, args.settle));
        Ok(Self { gathering, sent, output: options.output })
    }

    pub(crate) async fn give_up(self) {
        self.gathering.abort();
        // The task ends with the abort, or has ended with an error.
        self.gathering.await.ok();
    }

    pub(crate) async fn compare(self) -> Result<ExitStatus> {
        ui::say("waiting until the services have answered");
        self.sent.send(()).ok();
        let comparison = self.gathering.await??;
        let mut shown = DifferenceReport::new(self.output);
        let compared = comparison.finish(|difference| shown.show(&difference));
        shown.end();
        let ComparisonCounts { sagas, different } = compared;
        if different == 0 {
            ui::say(&format!("{} of {} are the same", ui::grouped(sagas), ui::grouped(sagas)));
            return Ok(ExitStatus::All);
        }
        ui::say(&format!("{} of {} sagas differ", ui::grouped(different), ui::grouped(sagas)));
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
                    if comparison.came(&record) {
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

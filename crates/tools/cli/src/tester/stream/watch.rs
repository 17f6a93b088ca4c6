//! `ballet watch`: judges sagas while their events flow.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet::core::System;
use ballet::core::topology::TAP;
use ballet_amqp::Broker;
use ballet_ops::monitor::{Monitor, StepCoverage, Violation, WatchedJournal, coverage};
use ballet_ops::stream::{RecordFilter, Start};
use ballet_ops::terminal::{Cell, Table, plain};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui::{self, Output, age};
use crate::tester::stream::feed::{EventFeed, StopReason};
use crate::tester::stream::selection::{JournalRange, duration};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The maximum number of violations in one JSON document. `-o jsonl` has no such limit.
const MOST_IN_JSON: usize = 10_000;

const EXAMPLES: &str = "\
Examples:
  ballet watch                                what breaks a property from now on, until Ctrl-C
  ballet watch --for 1h --coverage            for an hour; then which declared steps have run
  ballet watch --from first --until now       what the journal has
  ballet watch --for 10m -o jsonl             a line for each violation

It exits with 3 if a property was broken. It reads the journal as the user `tap`, and judges by the
contracts. A saga whose beginning it did not read is not judged by what it lacks.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    range: JournalRange,
    /// Stop after this time, such as 1h
    #[arg(long = "for", value_name = "AGE", help_heading = "Range", value_parser = duration)]
    time: Option<Duration>,
    /// What is absent counts as missing when its saga has been silent for this long
    #[arg(long, value_name = "AGE", default_value = "5min", value_parser = age)]
    patience: SignedDuration,
    /// At the end, list the declared steps with how often they have run, and the paths that no contract declares
    #[arg(long)]
    coverage: bool,
}

pub(crate) async fn run(args: WatchArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let system = system()?;
    let start = args.range.start(options)?.unwrap_or(Start::Next);
    let broker = options.broker_as(TAP)?;
    let watched = WatchedJournal::new(system, args.patience);
    let begun = options.clock.now();
    let mut feed =
        EventFeed::open(Arc::clone(&broker), start, RecordFilter::default(), &args.range).await?;
    ui::say(&format!("judging the sagas of {}", ui::counted(system.parts.len(), "service")));
    let mut found = Vec::new();
    let stopped = watch(&mut feed, &watched, &broker, &args, options, &mut found).await;
    feed.close().await;
    if stopped? == Some(StopReason::AsAsked) && args.range.until_now() {
        watched.with(|monitor| monitor.has_read_all(begun));
    }
    watched.with(|monitor| {
        show(monitor, options.output, &mut found);
        report(system, monitor, &args, options.output, &found);
    });
    let is_well = watched.with(|monitor| monitor.tally().violations == 0);
    Ok(if is_well { ExitStatus::All } else { ExitStatus::Different })
}

/// Returns why it stopped, if not after its time.
async fn watch(
    feed: &mut EventFeed,
    watched: &WatchedJournal,
    broker: &Arc<dyn Broker>,
    args: &WatchArgs,
    options: &GlobalOptions,
    found: &mut Vec<Violation>,
) -> Result<Option<StopReason>> {
    let mut over = pin!(sleep(args.time.unwrap_or(NEVER)));
    let look = async || {
        sleep(LOOK_EVERY).await;
        // The reader says if the broker does not answer.
        watched.look(broker, options.clock.now()).await.ok();
    };
    let mut looking = pin!(look());
    loop {
        tokio::select! {
            biased;
            () = &mut over => return Ok(None),
            () = &mut looking => looking.set(look()),
            next = feed.item() => match next? {
                Ok(item) => watched.read(&item, options.clock.now()),
                Err(reason) => return Ok(Some(reason)),
            },
        }
        watched.with(|monitor| show(monitor, options.output, found));
    }
}

fn show(monitor: &mut Monitor, output: Output, found: &mut Vec<Violation>) {
    for violation in monitor.found() {
        match output {
            Output::Table => ui::print(&lines(&violation)),
            Output::Jsonl => ui::raw(&of_json(&violation).to_string()),
            Output::Json if found.len() < MOST_IN_JSON => found.push(violation),
            Output::Json => {}
        }
    }
}

fn lines(violation: &Violation) -> String {
    let Violation { property, saga, offset, at, service, event_type, says, .. } = violation;
    let saga = saga.map_or_else(|| "no saga".to_owned(), |saga| format!("saga {saga}"));
    format!(
        "{} {} {saga}\n  {} of {}, entry {offset}: {}\n  do: {}",
        ui::dim(&format!("{at:.3}")),
        ui::red(property.as_str()),
        plain(event_type),
        plain(service),
        plain(says),
        property.advice()
    )
}

fn of_json(violation: &Violation) -> Value {
    let mut value = json!(violation);
    value["do"] = json!(violation.property.advice());
    value
}

fn report(
    system: &System,
    monitor: &Monitor,
    args: &WatchArgs,
    output: Output,
    found: &[Violation],
) {
    let (steps, paths) =
        (coverage(system, |event| monitor.count(event)), monitor.undeclared_paths());
    let path = |(cause, event, count): &(&str, &str, u64)| json!({ "cause": cause, "event": event, "count": count });
    let paths_json: Vec<Value> = paths.iter().map(path).collect();
    let tally = monitor.tally();
    match output {
        Output::Json => {
            let violations: Vec<Value> = found.iter().map(of_json).collect();
            let mut document = json!({ "violations": violations, "read": tally });
            if args.coverage {
                document["coverage"] = json!(steps);
                document["undeclared_paths"] = json!(paths_json);
            }
            ui::raw(&format!("{document:#}"));
        }
        Output::Jsonl if args.coverage => {
            steps.iter().for_each(|step| ui::raw(&json!({ "coverage": step }).to_string()));
            paths_json
                .iter()
                .for_each(|path| ui::raw(&json!({ "undeclared_path": path }).to_string()));
        }
        Output::Table if args.coverage => {
            table(&steps);
            for (cause, event, count) in &paths {
                ui::print(&format!(
                    "no contract declares {cause} -> {event}: {}",
                    ui::counted(*count, "time")
                ));
            }
        }
        Output::Table | Output::Jsonl => {}
    }
    let mut said = format!(
        "{} read, {}",
        ui::counted(tally.entries, "event"),
        ui::counted(tally.violations, "violation")
    );
    for (count, what) in [
        (tally.not_named, "only counted, as too many came at once"),
        (tally.forgotten, "sagas forgotten before they were judged in full"),
        (tally.too_long, "sagas with too many entries to judge"),
    ] {
        if count > 0 {
            said.push_str(&format!("; {} {what}", ui::grouped(count)));
        }
    }
    ui::say(&said);
}

fn table(steps: &[StepCoverage]) {
    let header = ["saga", "service", "step", "done", "refused", "compensated", "never"];
    let mut table = Table::new(header).right([3, 4, 5]);
    let count = |count: Option<u64>| Cell::from(count.map(ui::grouped));
    for step in steps {
        table.row([
            Cell::from(step.saga),
            Cell::from(step.service),
            Cell::from(step.step),
            count(Some(step.done)),
            count(step.refused),
            count(step.compensated),
            Cell::from(step.never().join(", ")).yellow(),
        ]);
    }
    ui::show(&table);
}

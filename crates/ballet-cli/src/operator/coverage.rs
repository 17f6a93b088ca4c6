//! `ballet coverage`: the declared outcomes of a choreography that the journal shows, and those that it does not.

use anyhow::{Result, bail};
use ballet::core::topology::TAP;
use ballet_ops::coverage::{Coverage, CoveragePoint, Sightings};
use ballet_stream::{RecordFilter, Start};
use ballet_terminal::{Cell, Table};
use console::Style;
use serde_json::json;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui::{self, Output};
use crate::tester::stream::feed::{EventFeed, StopReason};
use crate::tester::stream::selection::JournalRange;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet coverage
  ballet coverage --since 1h --min 90
  ballet coverage -o jsonl | jq -r 'select(.count == 0) | .place'

It reads the journal. Outcomes that were never seen come first. Retries are on the console's page: the journal does
not have them. Exit code 1: less than --min was seen.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// When the window begins: an age such as 10m, or a time such as 2026-11-22T09:00:00Z [default: where the
    /// journal begins]
    #[arg(long, value_name = "AGE|TIME")]
    since: Option<TimeOrAge>,
    /// Fail if less than this percentage of the declared outcomes was seen
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    // Before the journal is read, which would be for nothing without contracts.
    let system = system()?;
    let now = options.clock.now();
    let since = args.since.map(|since| since.before(now)).transpose()?;
    let range = JournalRange::until_the_end();
    let start = since.map_or(Start::First, Start::Time);
    let mut feed =
        EventFeed::open(options.broker_as(TAP)?, start, RecordFilter::default(), &range).await?;
    let mut sightings = Sightings::default();
    let ended = loop {
        match feed.next().await? {
            // The broker delivers whole chunks, so events from before the window come first.
            Ok(record) if record.time < since => {}
            Ok(record) => sightings.add_record(&record),
            Err(ended) => break ended,
        }
    };
    feed.close().await;
    if ended == StopReason::Interrupted {
        bail!("it was stopped");
    }
    let coverage = Coverage::of(system, &sightings);
    show(&coverage, options);
    let (seen, all) = coverage.counted();
    let percent = coverage.percent();
    ui::say(&format!("{percent} % of what is declared was seen: {seen} of {all}"));
    match args.min {
        Some(min) if percent < usize::from(min) => {
            ui::say(&format!("{} at least {min} % is wanted", ui::bad("too little:")));
            Ok(ExitStatus::Failed)
        }
        _ => Ok(ExitStatus::All),
    }
}

fn show(coverage: &Coverage, options: &GlobalOptions) {
    if options.output != Output::Table {
        let row = |point: &CoveragePoint| {
            json!({ "what": point.declared.as_str(), "place": point.place(), "saga": point.saga,
                "service": point.service, "step": point.step, "event": point.event,
                "count": point.seen.count, "last": point.seen.last.map(|at| at.to_string()) })
        };
        ui::print_json(options.output, coverage.points.iter().map(row));
        return;
    }
    let now = options.clock.now();
    let mut table = Table::new(["seen", "what", "of", "saga", "last"]);
    for point in &coverage.points {
        let (seen, style) = match point.seen.count {
            0 => ("never".to_owned(), Style::new().red()),
            count => (ui::grouped(count), Style::new().green()),
        };
        table.row([
            Cell::from(seen).styled(style),
            Cell::from(point.declared.as_str()),
            Cell::from(point.place()),
            Cell::from(point.saga),
            Cell::from(point.seen.last.map(|at| ui::ago(Some(at), now))),
        ]);
    }
    ui::show(&table);
}

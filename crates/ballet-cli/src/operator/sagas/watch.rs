//! `ballet sagas watch`: follows one saga until nothing is left to do for it.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::core::Graph;
use ballet_ops::sagas::{Hindrance, SagaDetails, SagaEvent};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output, age};
use crate::operator::sagas::open_state::hindered;
use crate::operator::sagas::saga_name::SagaName;
use crate::operator::sagas::show::{is_known_to, look, show};
use crate::operator::sagas::waits::warn_of;

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// The servers are looked at once in this many looks.
const STANDING: u32 = 10;
/// The escape codes that clear the screen and move the cursor to its top left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas watch 0193f7a0-0001-7000-8000-000000000001
  ballet sagas watch order=0193f7a0-0001-7000-8000-000000000001 --timeout 90s
  ballet sagas watch tracking=TRACK-17 -o jsonl";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The saga's id, which is the correlation id of its events, or one of its business keys: `order=ABC`. A saga that
    /// is named by its id need not have begun yet
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: SagaName,
    /// Give up after this long, with exit code 3: `90s`, `30min`
    #[arg(long, value_name = "AGE", value_parser = age)]
    timeout: Option<SignedDuration>,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let limit = args.timeout.map(SignedDuration::unsigned_abs);
    let begun = Instant::now();
    let saga = args.saga.find_one(options).await?;
    let redraws = options.output == Output::Table && std::io::stdout().is_terminal();
    let (mut told, mut warned) = (HashSet::new(), Vec::new());
    let mut hindrances = Vec::new();
    for number in 0_u32.. {
        if redraws && number.is_multiple_of(STANDING) {
            hindrances = hindered(options).await?;
        }
        let (graph, shown) = look(saga, options).await?;
        if redraws {
            redraw(saga, &shown, &hindrances, &graph, options);
        } else {
            // A service that was away reports its events late: the new ones are not always the last.
            let key = |e: &SagaEvent| (e.at, e.service.clone(), e.event_type.clone());
            let events = shown.events.iter();
            events.filter(|event| told.insert(key(event))).for_each(|event| tell(event, options));
        }
        if shown.away != warned {
            warn_of(&shown.away);
            warned.clone_from(&shown.away);
        }
        let has_ended = warned.is_empty() && is_known_to(&shown) && shown.waits.is_empty();
        // `ballet sagas watch SAGA | head` is a usual way to stop.
        if has_ended || ui::unwritten().is_some() {
            return Ok(ExitStatus::All);
        }
        if limit.is_some_and(|limit| begun.elapsed() >= limit) {
            ui::note("the saga has not ended in time");
            return Ok(ExitStatus::Partly);
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(ExitStatus::All)
}

fn redraw(
    saga: Uuid,
    shown: &SagaDetails,
    hindrances: &[Hindrance],
    graph: &Graph,
    options: &GlobalOptions,
) {
    ui::raw(CLEAR);
    if is_known_to(shown) {
        show(saga, shown, hindrances, graph, options);
    } else {
        ui::print(&format!("saga {saga}: nothing has happened yet"));
    }
}

fn tell(SagaEvent { at, service, event_type, body }: &SagaEvent, options: &GlobalOptions) {
    if options.output == Output::Table {
        // The ledgers do not have the body of a foreign event that began the saga.
        let body = if body.is_null() { String::new() } else { format!("  {body}") };
        ui::print(&format!("{at:.3}  {event_type}{body}"));
    } else {
        ui::raw(
            &json!({ "at": at.to_string(), "service": service, "event": event_type, "body": body })
                .to_string(),
        );
    }
}

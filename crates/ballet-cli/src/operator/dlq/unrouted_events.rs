//! `ballet dlq redrive --from-unrouted`: sends the events that no binding took to the services that consume them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ballet_ops::redrive::{UnroutedEvents, cause_of};
use ballet_terminal::{Cell, Table, plain};
use serde_json::json;

use crate::base::exit::{ExitStatus, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::missed_events::OTHERS;
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;
use crate::operator::interventions::not_noted;

#[derive(Debug, clap::Args)]
pub(crate) struct FromUnrouted {
    /// Instead of dead letters, send the events in the queue `unrouted` to the services that consume them
    #[arg(long, conflicts_with = "missed_by", conflicts_with_all = OTHERS,
        help_heading = "Other sources")]
    pub(crate) from_unrouted: bool,
}

pub(crate) async fn run(
    selection: &DeadLetterSelection,
    sending: &SendArgs,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let unrouted = UnroutedEvents::new(options.broker()?, system()?.parts.clone());
    let filter = selection.filter(options.clock.now());
    // The number of events by type and services.
    let mut found: EventCounts = BTreeMap::new();
    let mut ids = BTreeSet::new();
    // The events that stay, by the reason, with an example.
    let (mut whole, mut staying) = (0, BTreeMap::new());
    let letters = unrouted.letters();
    let browsed = letters.browse(|event| {
        if !filter.matches(&event) {
            return;
        }
        ids.insert(event.id);
        let services = unrouted.consumers(&event).join(", ");
        if services.is_empty() {
            let why = event.detail.unwrap_or_default();
            let example = || (0, format!("{}: {why}", event.id));
            staying.entry(cause_of(&why)).or_insert_with(example).0 += 1;
        } else {
            whole += 1;
        }
        *found.entry((event.routing_key.unwrap_or_default(), services)).or_default() += 1;
    });
    browsed.await.map_err(with_advice)?;
    selection.require_whole_ids(ids.into_iter())?;
    show(&found, options);
    for (count, example) in staying.values() {
        let stay = ui::acting(*count, "event", "stay");
        ui::note(&format!("{stay}, such as {}", plain(example)));
    }
    let done = if staying.is_empty() { ExitStatus::All } else { ExitStatus::Partly };
    if whole == 0 {
        ui::say("there is nothing to send in the queue `unrouted`");
        return Ok(done);
    }
    if sending.dry_run {
        ui::say(&format!("{} would be sent; nothing was sent", ui::counted(whole, "event")));
        return Ok(ExitStatus::All);
    }
    let progress = ui::Progress::new("sending from unrouted", whole);
    let show = |sent: u64| progress.show(sent);
    let databases = match options.has_databases() {
        true => options.databases(&services()?)?,
        false => Vec::new(),
    };
    let send_options = sending.redrive_options(options, stop_on_ctrl_c(), &show, &|_| {});
    let sent = unrouted.redrive(&filter, &send_options, &databases).await;
    drop(progress);
    let (summary, unnoted) = sent.map_err(with_advice)?;
    unnoted.iter().for_each(|(service, why)| not_noted(service, why));
    if databases.is_empty() {
        not_noted("its service", "set DATABASE_URL");
    }
    for (id, why) in &summary.failures {
        ui::note(&format!("{id} was not sent: {why}"));
    }
    ui::say(&format!("{} sent to their services", ui::counted(summary.removed, "event")));
    if summary.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
    }
    Ok(if summary.removed < whole { ExitStatus::Partly } else { done })
}

/// The number of events in the queue, by type and services.
type EventCounts = BTreeMap<(String, String), u64>;

fn show(found: &EventCounts, options: &GlobalOptions) {
    if options.output != Output::Table {
        let rows = found.iter().map(|((event_type, services), count)| {
            let services: Vec<&str> =
                services.split(", ").filter(|name| !name.is_empty()).collect();
            json!({ "type": event_type, "count": count, "services": services })
        });
        ui::print_json(options.output, rows);
        return;
    }
    let mut table = Table::new(["count", "event", "consumed by"]);
    for ((event_type, services), count) in found {
        let services = Some(services).filter(|services| !services.is_empty());
        let count = Cell::from(ui::grouped(*count));
        table.row([count, Cell::from(event_type), Cell::from(services)]);
    }
    if !found.is_empty() {
        ui::show(&table);
    }
}

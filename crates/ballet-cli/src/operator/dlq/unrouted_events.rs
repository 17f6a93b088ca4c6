//! `ballet dlq redrive --from-unrouted`: sends the events that no binding took to the services that consume them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ballet_ops::redrive::{DeadLetter, UnroutedEvents};
use ballet_store::operators::interventions::Act;
use ballet_terminal::{Cell, Table, plain};
use serde_json::json;

use crate::base::exit::{ExitStatus, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::missed_events::OTHERS;
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;
use crate::operator::interventions::NoteWriter;

#[derive(Debug, clap::Args)]
pub(crate) struct FromUnrouted {
    /// Instead of dead letters, send the events in the queue `unrouted` to the services that consume them
    #[arg(long, conflicts_with = "from_journal", conflicts_with_all = OTHERS,
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
    let (mut whole, mut nobodys, mut forged, mut why_forged) = (0, 0, 0, None);
    let browsed = unrouted.browse(|event| {
        if !filter.matches(&event) {
            return;
        }
        ids.insert(event.id);
        let services = unrouted.consumers(&event).join(", ");
        if let Some(why) = unrouted.forgery(&event) {
            forged += 1;
            why_forged.get_or_insert_with(|| format!("{}: {why}", event.id));
        } else {
            *(if services.is_empty() { &mut nobodys } else { &mut whole }) += 1;
        }
        *found.entry((event.routing_key.unwrap_or_default(), services)).or_default() += 1;
    });
    browsed.await.map_err(with_advice)?;
    selection.require_whole_ids(ids.into_iter())?;
    show(&found, options);
    if nobodys > 0 {
        ui::note(&format!(
            "{}: no contract says who consumes them. Is a type misspelt, or a service not \
             declared?",
            ui::acting(nobodys, "event", "stay")
        ));
    }
    if let Some(why) = why_forged {
        ui::note(&format!(
            "{}, because nobody can tell whose word they are, such as {}",
            ui::acting(forged, "event", "stay"),
            plain(&why)
        ));
    }
    let done = if nobodys + forged > 0 { ExitStatus::Partly } else { ExitStatus::All };
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
    let services: BTreeSet<&str> =
        found.keys().flat_map(|(_, services)| services.split(", ")).collect();
    let mut notes = BTreeMap::new();
    for service in services.into_iter().filter(|service| !service.is_empty()) {
        let of_service =
            NoteWriter::open(service, Act::Redriven, sending.note(options), options).await;
        notes.insert(service, of_service);
    }
    let note = |sent: &DeadLetter| {
        unrouted.consumers(sent).iter().filter_map(|to| notes.get(to)).for_each(|to| to.add(sent));
    };
    let send_options = sending.redrive_options(options, stop_on_ctrl_c(), &show, &note);
    let summary = unrouted.redrive(&filter, &send_options).await;
    drop(progress);
    for (_, of_service) in notes {
        of_service.close().await;
    }
    let summary = summary.map_err(with_advice)?;
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

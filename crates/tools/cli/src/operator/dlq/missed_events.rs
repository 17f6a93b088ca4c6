//! `ballet dlq redrive --from-journal`: sends a service its missed events.

use std::slice;
use std::time::Duration;

use anyhow::Result;
use ballet::core::Part;
use ballet::core::envelope::Limits;
use ballet_ops::missed::{self, Consumer, JournalGaps, MissedEvents, Witnesses};
use ballet_ops::redrive::RedriveOptions;
use ballet_ops::terminal::{Cell, Table};
use jiff::Timestamp;
use serde_json::json;
use sqlx::Connection;

use crate::base::exit::{ExitStatus, usage, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;

/// They do not select dead letters by how they died.
pub(crate) const OTHERS: [&str; 10] = [
    "group",
    "service",
    "reason",
    "step",
    "detail",
    "older_than",
    "newer_than",
    "all",
    "limit",
    "beyond_memory",
];

#[derive(Debug, clap::Args)]
pub(crate) struct FromJournal {
    /// Instead of dead letters, send what this service has missed: events that it consumes, that the journal or the
    /// database of their service has, and that its inbox does not know
    #[arg(long, value_name = "SERVICE", requires = "since", conflicts_with_all = OTHERS,
        help_heading = "Other sources")]
    from_journal: Option<String>,
    /// Search from this time on: `2026-02-01T12:00:00Z`, or an age such as `2h`
    #[arg(long, value_name = "TIME", requires = "from_journal", help_heading = "Other sources")]
    since: Option<TimeOrAge>,
}

impl FromJournal {
    /// Returns the service and the beginning of the searched time, if this source is asked for.
    pub(crate) fn asked(&self, options: &GlobalOptions) -> Result<Option<(Part, Timestamp)>> {
        let (Some(service), Some(since)) = (&self.from_journal, self.since) else {
            return Ok(None);
        };
        let since = time_in_memory("--since", since, floor(options), options)?;
        Ok(Some((part(service)?, since)))
    }
}

pub(crate) fn witnesses(since: Timestamp, options: &GlobalOptions) -> Result<Witnesses> {
    let (databases, parts) = (options.databases(&services()?)?, system()?.parts.clone());
    Ok(Witnesses { broker: options.broker()?, databases, parts, since })
}

/// Inboxes do not know ids from before.
pub(crate) fn floor(options: &GlobalOptions) -> Timestamp {
    options.clock.now() - Limits::default().inbox_window
}

pub(crate) async fn run(
    part: &Part,
    since: Timestamp,
    selection: &DeadLetterSelection,
    sending: &SendArgs,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let (service, floor) = (part.service, floor(options));
    let mut inbox = options
        .connect_needed(service, &format!("only the inbox of {service} tells what was missed"))
        .await?;
    let witnesses = witnesses(since, options)?;
    let stop = stop_on_ctrl_c();
    let progress = ui::Progress::endless(&format!("searching the journal for {service}"));
    let show = |read: u64| progress.show(read);
    let search_options = sending.redrive_options(options, stop.clone(), &show);
    let consumer = Consumer { part, inbox: &mut inbox, is_restored: false };
    let patience = Duration::from_secs(sending.patience);
    let search = search(&witnesses, consumer, &search_options, floor, patience);
    let Some(mut missed) = search.await? else { return Ok(ExitStatus::Partly) };
    drop(progress);
    inbox.close().await.ok();
    warn(slice::from_ref(&missed), since);
    selection.narrow(&mut missed)?;
    show_missed(&missed, options);
    let whole = missed.events().len() as u64;
    let done = if missed.is_whole() { ExitStatus::All } else { ExitStatus::Partly };
    if whole == 0 {
        ui::say(&format!(
            "{service} has missed nothing; it consumes {} of the events in the journal since {since}",
            ui::grouped(missed.searched)
        ));
        return Ok(done);
    }
    if sending.dry_run {
        ui::say(&format!("{} would be sent; nothing was sent", ui::counted(whole, "event")));
        return Ok(done);
    }
    let progress = ui::Progress::new(&format!("sending to {service}"), whole);
    let show = |done: u64| progress.show(done);
    let send_options = sending.redrive_options(options, stop, &show);
    let summary = missed::send(&witnesses, &missed, &send_options).await;
    drop(progress);
    let summary = summary.map_err(with_advice)?;
    for (id, why) in &summary.failures {
        ui::note(&format!("{id} was not sent: {why}"));
    }
    let left = whole.saturating_sub(summary.removed);
    let rest = if left > 0 { format!("; {} were not", ui::grouped(left)) } else { String::new() };
    ui::say(&format!("{} sent to {service}{rest}", ui::counted(summary.removed, "event")));
    if summary.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
    }
    Ok(if left > 0 { ExitStatus::Partly } else { done })
}

/// Returns None if the user stopped it.
pub(crate) async fn search(
    witnesses: &Witnesses,
    consumer: Consumer<'_>,
    options: &RedriveOptions<'_>,
    floor: Timestamp,
    patience: Duration,
) -> Result<Option<MissedEvents>> {
    let mut stopped = options.stop.clone();
    let found = tokio::select! {
        found = missed::search(witnesses, vec![consumer], options, floor, patience) => found,
        _ = stopped.wait_for(|stop| *stop) => {
            ui::say("stopped; nothing was sent");
            return Ok(None);
        }
    };
    Ok(found.map_err(with_advice)?.pop())
}

pub(crate) fn part(service: &str) -> Result<Part> {
    let parts = &system()?.parts;
    match parts.iter().find(|part| part.service == service) {
        Some(part) => Ok(part.clone()),
        None => {
            let known: Vec<&str> = parts.iter().map(|part| part.service).collect();
            let known = known.join(", ");
            Err(usage(format!("there is no contract of {service:?}, only of {known}")))
        }
    }
}

/// The time that an option names, if the inbox still remembers what was handled since then.
pub(crate) fn time_in_memory(
    option: &str,
    since: TimeOrAge,
    floor: Timestamp,
    options: &GlobalOptions,
) -> Result<Timestamp> {
    let since = since.before(options.clock.now())?;
    if since > options.clock.now() {
        return Err(usage(format!("{option} {since} is in the future")));
    }
    if since < floor {
        return Err(usage(format!(
            "{option} {since} is too long ago: the inbox remembers what was handled since {floor}, \
             and of what is older nobody can tell whether it was missed"
        )));
    }
    Ok(since)
}

/// What is unknown of published events, and of what these services missed.
pub(crate) fn warn(all: &[MissedEvents], since: Timestamp) {
    if let Some(missed) = all.first() {
        warn_of_gaps(&missed.gaps, since);
    }
    all.iter().for_each(warn_of_service);
}

fn warn_of_gaps(gaps: &JournalGaps, since: Timestamp) {
    let JournalGaps { begins, unreadable, lost, away } = gaps;
    if let Some(begins) = begins {
        ui::note(&format!(
            "the journal begins at {begins}; of what was published between {since} and then, only ledgers tell"
        ));
    }
    if *lost > 0 {
        ui::note(&format!(
            "the journal lacks at least {} that services have published since {since}: the broker has lost a part of it",
            ui::counted(*lost, "event")
        ));
    }
    for (of, why) in away {
        ui::note(&format!("what only the ledger of {of} has is not seen: {why}"));
    }
    if !unreadable.is_empty() {
        let messages = ui::counted(unreadable.len(), "message");
        ui::note(&format!(
            "{messages} of the journal could not be read: offset {}. RabbitMQ can deliver \
             them to no reader, because of their headers; whether a service missed them is unknown",
            unreadable.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
}

fn warn_of_service(missed: &MissedEvents) {
    let service = missed.service();
    if !missed.kept_by_nobody.is_empty() {
        let types: Vec<&str> = missed.kept_by_nobody.iter().copied().collect();
        ui::note(&format!(
            "No ledger has {}: which of these {service} has missed with the lost part is unknown",
            types.join(", ")
        ));
    }
    if missed.is_held {
        ui::note(&format!(
            "another program is reading {service}.dead: what was purged from it is not listed, and after a \
             restore it is not noted what persons have discarded since the backup. End it, and do this again"
        ));
    }
    match missed.waiting {
        Some(0) => {}
        Some(waiting) => ui::note(&format!(
            "{} still wait in the queue of {service}, and some of them may be listed here. \
             If they are sent too, the service drops them; --patience waits longer",
            ui::grouped(waiting)
        )),
        None => ui::note(&format!(
            "this user may not know how many messages wait in the queue of {service}. If some \
             of them are listed here and sent too, the service drops them"
        )),
    }
    if missed.too_old > 0 {
        ui::note(&format!(
            "{} have ids that the service refuses as too old, and are left out",
            ui::counted(missed.too_old, "event")
        ));
    }
}

pub(crate) fn show_missed(missed: &MissedEvents, options: &GlobalOptions) {
    let service = missed.service();
    if options.output != Output::Table {
        let rows = missed.events().into_iter().map(|event| {
            json!({ "service": service, "id": event.id.to_string(), "type": event.event_type,
                "saga": event.saga, "unreadable_offset": null })
        });
        let unreadable = missed.gaps.unreadable.iter().map(|offset| {
            json!({ "service": service, "id": null, "type": null, "saga": null,
                "unreadable_offset": offset })
        });
        ui::print_json(options.output, rows.chain(unreadable));
        return;
    }
    let mut table = Table::new(["missed", "event"]);
    for (event_type, count) in missed.by_type() {
        table.row([Cell::from(ui::grouped(count)), Cell::from(event_type)]);
    }
    if !missed.events().is_empty() {
        ui::show(&table);
    }
}

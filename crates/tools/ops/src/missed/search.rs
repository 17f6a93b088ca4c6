//! Finds the events that services have missed.

use std::collections::HashSet;
use std::time::Duration;

use ballet_core::{MessageId, id};
use jiff::Timestamp;

use crate::missed::consumer_search::{Consumer, ConsumerSearch};
use crate::missed::journal::{JournalEntries, JournalEntry};
use crate::missed::ledgers::told;
use crate::missed::missed_events::{JournalGaps, MissedEvents};
use crate::missed::witnesses::Witnesses;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::tool_run::ToolRun;

/// Searches the journal and the services' databases, in one reading, for events that these services have missed. The
/// results are in their order. Inboxes no longer have ids from before `floor`.
///
/// The search waits until each service has emptied its queue, but not longer than `patience`.
///
/// # Errors
///
/// If the broker or one of these services' databases does not answer, or denies access.
pub async fn search(
    witnesses: &Witnesses,
    consumers: Vec<Consumer<'_>>,
    options: &RedriveOptions<'_>,
    floor: Timestamp,
    patience: Duration,
) -> Result<Vec<MissedEvents>, RedriveError> {
    // Nobody would write the note at which the reading ends.
    if consumers.is_empty() {
        return Ok(Vec::new());
    }
    let run = ToolRun::new(options, floor);
    let mut searches: Vec<ConsumerSearch<'_>> = Vec::new();
    // Before the notes: a copy that has left its table is then in the journal before them.
    for consumer in consumers {
        searches.push(ConsumerSearch::begin(consumer, &run).await?);
    }
    // Also before: what is published by now is in the journal before the notes.
    let period = (witnesses.since, Timestamp::MAX);
    let (mut told, away) = told(&witnesses.databases, period, None, &mut searches).await;
    let services: Vec<&str> = searches.iter().map(ConsumerSearch::service).collect();
    witnesses.mark(&run, &services).await?;
    let mut gaps = read(witnesses, &run, &mut told, &mut searches, options).await?;
    gaps.lost = told.len() as u64;
    gaps.away = away.into_iter().map(|(service, why)| (service.to_owned(), why)).collect();
    let mut found = Vec::new();
    for search in searches {
        let mut missed = search.end(witnesses, &gaps, patience).await?;
        let all = missed.events.len();
        missed.retain(|event| id::time_of(event.id.0).is_none_or(|made| made >= floor));
        missed.too_old = (all - missed.events.len()) as u64;
        found.push(missed);
    }
    Ok(found)
}

async fn read(
    witnesses: &Witnesses,
    run: &ToolRun,
    told: &mut HashSet<MessageId>,
    searches: &mut [ConsumerSearch<'_>],
    options: &RedriveOptions<'_>,
) -> Result<JournalGaps, RedriveError> {
    let (begins, mut number) = (witnesses.journal_begins().await?, 0);
    let mut entries = JournalEntries::open(witnesses, run).await?;
    while let Some(entry) = entries.next().await? {
        if let JournalEntry::Event(id, _) = &entry {
            told.remove(id);
            number += 1;
            (options.progress)(number);
        }
        for search in &mut *searches {
            search.take(&entry).await?;
        }
    }
    let unreadable = entries.unreadable.clone();
    entries.close().await;
    Ok(JournalGaps { begins, unreadable, ..JournalGaps::default() })
}

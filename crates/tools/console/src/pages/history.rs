//! A saga's history: the journal's entries and persons' other acts. What the journal, the trail and a service's
//! database have is one line.

use std::collections::BTreeSet;

use ballet_ops::sagas::SagaDetails;
use jiff::{SignedDuration, Timestamp};

use crate::store::actions::{ActionState, RecordedAction};
use crate::store::entry_row::EntryRow;

/// Later entries are not of the action.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// An entry, or a person's act that the journal lacks.
#[derive(Debug, Default)]
pub(crate) struct HistoryLine<'a> {
    pub(crate) at: Timestamp,
    pub(crate) row: Option<&'a EntryRow>,
    pub(crate) by: &'a str,
    pub(crate) act: &'a str,
    pub(crate) what: String,
    pub(crate) why: &'a str,
    pub(crate) action: Option<&'a RecordedAction>,
}

fn deed(act: &str) -> &str {
    match act {
        "redriven" => "sends back",
        "edited" => "edits",
        "discarded" => "discards",
        "retried" | "note" => "tries again",
        "answered" => "answers",
        other => other,
    }
}

/// Returns the lines in the order of time.
pub(crate) fn history<'a>(
    rows: &'a [EntryRow],
    actions: &'a [RecordedAction],
    live: Option<&'a SagaDetails>,
) -> Vec<HistoryLine<'a>> {
    // The first comes first, as in the journal.
    let mut open: Vec<&RecordedAction> = actions.iter().rev().collect();
    let (mut used, mut lines) = (Vec::<&RecordedAction>::new(), Vec::new());
    for row in rows {
        let is_it = |one: &&RecordedAction| {
            one.act == deed(row.kind.as_str())
                && row.who.as_ref() == Some(&one.by)
                && row.why.as_ref() == Some(&one.why)
                && one.service.as_ref() == Some(&row.service)
                && row.at.duration_since(one.at).abs() < LONGEST
        };
        let is_done = |one: &&RecordedAction| is_it(one) && one.standing != ActionState::Failed;
        used.extend(open.iter().position(is_done).map(|at| open.remove(at)));
        // One action may be on several messages.
        let action = used.iter().rev().copied().find(is_it);
        lines.push(HistoryLine { at: row.at, row: Some(row), action, ..HistoryLine::default() });
    }
    let here = open.into_iter().filter(|one| one.saga.is_some()).map(|one| HistoryLine {
        at: one.at,
        row: None,
        by: &one.by,
        act: &one.act,
        what: one.what.clone(),
        why: &one.why,
        action: Some(one),
    });
    let here_too = actions.iter().map(|one| (&*one.act, &*one.by, &*one.why));
    let of_row = |row: &'a EntryRow| {
        Some((deed(row.kind.as_str()), row.who.as_deref()?, row.why.as_deref()?))
    };
    let known: BTreeSet<(&str, &str, &str)> =
        rows.iter().filter_map(of_row).chain(here_too).collect();
    let elsewhere = live.map(of_services).unwrap_or_default().into_iter();
    let elsewhere = elsewhere.filter(|one| !known.contains(&(one.act, one.by, one.why)));
    let mut acts: Vec<HistoryLine<'_>> = here.chain(elsewhere).collect();
    acts.sort_by_key(|act| act.at);
    for act in acts {
        let before = lines.iter().rposition(|line| line.at <= act.at);
        lines.insert(before.map_or(0, |at| at + 1), act);
    }
    lines
}

fn of_services(live: &SagaDetails) -> Vec<HistoryLine<'_>> {
    let done =
        |at, by, act, what, why| HistoryLine { at, row: None, by, act, what, why, action: None };
    let messages = live.interventions.iter().map(|(service, one)| {
        let what = match &one.event_type {
            Some(name) => format!("{name} in {service}"),
            None => format!("a call of {service}"),
        };
        done(one.at, &*one.by, deed(&one.act), what, one.why.as_deref().unwrap_or_default())
    });
    let stopped = live.stopped.iter();
    let stopped = stopped.map(|one| done(one.at, &*one.by, "stops", one.saga.clone(), &*one.why));
    let solved = live.solved.iter().map(|(service, one)| {
        let what = format!("{} of {service} by hand", one.step);
        done(one.at, &*one.by, "solves", what, &*one.why)
    });
    messages.chain(stopped).chain(solved).collect()
}

//! The rules of the audit, without I/O, for tests with made-up rows.

use std::collections::{BTreeSet, HashSet};

use ballet_ops::audit::Report;
use jiff::Timestamp;
use sqlx::types::Uuid;

use crate::audit::rows::{AuditedAccount, AuditedSession, StreamingSnapshot};

/// Sessions that changed after `quiescent_at` are not judged yet. `framework` lists unsettled sagas, whose rows need
/// not be at their ends.
pub(super) fn judge(
    rows: &StreamingSnapshot,
    quiescent_at: Timestamp,
    framework: &Report,
) -> Report {
    let StreamingSnapshot {
        read_at: _,
        sessions,
        slots,
        licenses,
        accounts,
        counted_seconds,
        left,
    } = rows;
    let count = sessions.len() + slots.len() + licenses.len() + accounts.len();
    let mut report = Report { rows: count, ..Report::default() };
    for AuditedAccount { account_id, streams, live, live_slots } in accounts {
        if live > streams {
            let wrong = format!("account {account_id} has {live} live slots of {streams}");
            report.violations.push(wrong);
        }
        if i64::from(*live) != *live_slots {
            report.violations.push(format!(
                "account {account_id} counts {live} live slots and has {live_slots}"
            ));
        }
    }
    for (account, service) in left {
        let wrong = format!("account {account} is erased, and {service} has a row of it");
        report.violations.push(wrong);
    }
    for session in sessions {
        let AuditedSession { session_id, status, ending, since, ended_at, watched_seconds } =
            session;
        if let Some(ended_at) = ended_at
            && i64::from(*watched_seconds) > ended_at.duration_since(*since).as_secs() + 1
        {
            report.violations.push(format!(
                "session {session_id} was watched for {watched_seconds} s, longer than it lived"
            ));
        }
        let is_live = status == "playing" && ending.is_none();
        if status == "requested" || (status == "playing" && !is_live) {
            report.open.push(format!("session {session_id} is {status} since {since}"));
            continue;
        }
        let changed_at = ended_at.unwrap_or(*since);
        if changed_at > quiescent_at {
            report.recent.push(format!("session {session_id} is {status} since {changed_at}"));
            continue;
        }
        let found = [
            ("slot", slots.get(session_id).map(String::as_str)),
            ("license", licenses.get(session_id).map(String::as_str)),
        ];
        for (what, state) in found {
            let fits = match state {
                Some("live") => is_live,
                // A session that was just displaced or revoked plays until playback learns of it.
                _ => !is_live,
            };
            if fits {
                continue;
            }
            let state = state.unwrap_or("missing");
            let wrong = format!("session {session_id} is {status}, but its {what} is {state}");
            match framework.unsettled.get(session_id) {
                Some(true) => report.stuck.push(format!("{wrong}: its saga is stuck")),
                Some(false) => report.open.push(format!("{wrong}: its saga goes on")),
                None => report.violations.push(wrong),
            }
        }
        if is_live {
            // A playing session stays open for hours by design.
            report.open.push(format!("session {session_id} plays since {since}"));
        }
    }
    let known: HashSet<&Uuid> = sessions.iter().map(|session| &session.session_id).collect();
    let held: BTreeSet<&Uuid> = slots.keys().chain(licenses.keys()).collect();
    for session_id in held.into_iter().filter(|session_id| !known.contains(session_id)) {
        // Requested during the read. If it stays open, playback does not know it.
        report.open.push(format!("session {session_id} was unknown when the sessions were read"));
    }
    if report.open.is_empty() && report.recent.is_empty() && framework.open.is_empty() {
        let watched: i64 = sessions.iter().map(|session| i64::from(session.watched_seconds)).sum();
        if watched != *counted_seconds {
            report.violations.push(format!(
                "sessions were watched for {watched} s, and analytics counts {counted_seconds} s"
            ));
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn rows(status: &str, slot: &str, license: &str) -> StreamingSnapshot {
        let session = AuditedSession {
            session_id: Uuid::nil(),
            status: status.to_owned(),
            ending: None,
            since: at(0),
            ended_at: (status != "playing").then(|| at(60)),
            watched_seconds: 50,
        };
        let account =
            AuditedAccount { account_id: Uuid::nil(), streams: 2, live: 1, live_slots: 1 };
        StreamingSnapshot {
            read_at: at(100),
            sessions: vec![session],
            slots: [(Uuid::nil(), slot.to_owned())].into(),
            licenses: [(Uuid::nil(), license.to_owned())].into(),
            accounts: vec![account],
            counted_seconds: 50,
            left: Vec::new(),
        }
    }

    fn wrong(rows: &StreamingSnapshot) -> Vec<String> {
        judge(rows, at(100), &Report::default()).violations
    }

    #[test]
    fn what_lives_has_a_slot_and_a_license_and_nothing_else_has() {
        for (status, slot, license, count) in [
            ("ended", "released", "ended", 0),
            ("ended", "displaced", "revoked", 0),
            ("refused", "cancelled", "cancelled", 0),
            ("playing", "live", "live", 0),
            ("ended", "live", "ended", 1),
            ("refused", "cancelled", "live", 1),
            ("playing", "released", "ended", 2),
        ] {
            let found = wrong(&rows(status, slot, license));
            assert_eq!(found.len(), count, "{status} {slot} {license}: {found:?}");
        }
    }

    #[test]
    fn counts_beyond_the_plan_and_rows_of_erased_accounts_are_found() {
        let mut rows = rows("ended", "released", "ended");
        rows.accounts[0].live = 3;
        rows.left.push((Uuid::nil(), "titles"));
        rows.sessions[0].watched_seconds = 90;
        assert_eq!(wrong(&rows).len(), 5);
    }
}

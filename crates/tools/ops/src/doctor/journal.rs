//! Checks that the journal has what its policy promises and what services have published.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::stream::{begins_too_late, oldest};
use ballet_amqp::ManagementApi;
use ballet_core::Cause;
use ballet_core::topology::JOURNAL_DAYS;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::doctor::servers::SystemServers;
use crate::missed::journal_check::{JournalLoss, LONGEST, lost_before};
use crate::standing::finding::{BROKER, Finding, FindingState};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(servers: &SystemServers, management: Option<&ManagementApi>) -> Finding {
    let of_policy = of_policy(servers).await;
    // Other checks report missing databases and nodes.
    let Some(management) = management.filter(|_| of_policy.state == FindingState::Well) else {
        return of_policy;
    };
    let lost = timeout(PATIENCE, lost(servers, management)).await;
    match lost.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))) {
        Ok(lost) => lost.unwrap_or(of_policy),
        Err(error) => {
            let found = format!("whether it has what was published is not known: {error}");
            let advice = "look again when broker and databases are less busy";
            Finding::unknown(Cause::Journal, BROKER, &found, advice)
        }
    }
}

/// A crash loses the end of a stream, so this looks for what services published last before the broker started, before
/// the journal was made, and before now.
async fn lost(
    SystemServers { broker, databases, clock, .. }: &SystemServers,
    management: &ManagementApi,
) -> Result<Option<Finding>, String> {
    let now = clock.now();
    let nodes = management.get(&["nodes"]).await.unwrap_or_default();
    let up = nodes.as_array().into_iter().flatten().filter_map(|node| node["uptime"].as_i64());
    let mut times: BTreeSet<Timestamp> =
        up.filter_map(|up| now.checked_sub(SignedDuration::from_millis(up)).ok()).collect();
    let oldest = oldest(&**broker).await.map_err(|error| error.to_string())?;
    times.extend(oldest.filter(|oldest| oldest.offset == Some(0)).and_then(|oldest| oldest.time));
    times.insert(now - SignedDuration::from_mins(1));
    let promised = now - SignedDuration::from_hours(24 * JOURNAL_DAYS - 1);
    for until in times.into_iter().rev().filter(|time| *time > promised) {
        let lost = lost_before(broker, databases, until).await;
        let lost = lost.map_err(|error| error.to_string())?;
        if let Some(JournalLoss { since, lacks: (lacks, of), is_certain }) =
            lost.filter(|lost| lost.since > promised)
        {
            let read = match is_certain {
                true => String::new(),
                false => format!(", as far as it was read in {} s", LONGEST.as_secs()),
            };
            let found = format!(
                "it lacks {lacks} of the last {of} events that services published before {until:.0}, the first of {since:.0}: \
                 the broker has lost a part of it{read}"
            );
            let advice = format!(
                "`ballet topology repair --since {since:.0}` sends what services have missed of it"
            );
            return Ok(Some(Finding::bad(Cause::Journal, BROKER, &found, &advice).since(since)));
        }
    }
    Ok(None)
}

async fn of_policy(SystemServers { broker, clock, .. }: &SystemServers) -> Finding {
    match timeout(PATIENCE, begins_too_late(broker, clock.now())).await {
        Ok(Ok(None)) => {
            let found = format!("it has the last {JOURNAL_DAYS} days, or all since it was made");
            Finding::well(Cause::Journal, BROKER, &found)
        }
        Ok(Ok(Some(begins))) => {
            let found = format!(
                "it begins at {begins:.0} and promises {JOURNAL_DAYS} days: what is older is lost to \
                 redrive, restore and tap"
            );
            let advice = "back up the databases now: no earlier backup can be brought up to date. See \
                          with `ballet tap --from first` what fills it";
            Finding::bad(Cause::Journal, BROKER, &found, advice)
        }
        Ok(Err(error)) => {
            let advice = "give AMQP_URL a user who may read it: ops, redrive or tap";
            Finding::unknown(Cause::Journal, BROKER, &error.to_string(), advice)
        }
        Err(_) => {
            let found = format!("where it begins is not known after {} s", PATIENCE.as_secs());
            let advice = "see whether the broker delivers: `ballet tap --from first --limit 1`";
            Finding::unknown(Cause::Journal, BROKER, &found, advice)
        }
    }
}

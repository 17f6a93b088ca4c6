//! Checks that the journal still has what its policy promises to keep, and what services know as published.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ballet::core::System;
use ballet::core::topology::JOURNAL_DAYS;
use ballet_amqp::Broker;
use ballet_ops::missed::{JournalLoss, lost_before};
use ballet_stream::{begins_too_late, oldest};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::base::exit::{error_text, of_journal, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::doctor::finding::{Finding, FindingState};
use crate::operator::topology::management::VhostManagement;

const JOURNAL: &str = "journal";
const BROKER: &str = "the broker";
/// The longest time until the journal's beginning is known.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(
    system: &System,
    management: &VhostManagement,
    options: &GlobalOptions,
) -> Vec<Finding> {
    // Without an address of the broker, its connection is already a finding.
    let Ok(broker) = options.broker() else { return Vec::new() };
    let of_policy = of_policy(&broker, options).await;
    if of_policy.state != FindingState::Well {
        return vec![of_policy];
    }
    let lost = timeout(PATIENCE, lost(&broker, system, management, options)).await;
    let lost = lost.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", PATIENCE.as_secs())));
    vec![lost.map_or_else(
        |error| {
            let found =
                format!("whether it has what was published is not known: {}", error_text(&error));
            Finding::unknown(
                JOURNAL,
                BROKER,
                &found,
                "look again when broker and databases are less busy",
            )
        },
        |lost| lost.unwrap_or(of_policy),
    )]
}

/// Looks for what services published last before the broker started, before the journal was made, and before now: a
/// crash loses the end of a stream.
async fn lost(
    broker: &Arc<dyn Broker>,
    system: &System,
    management: &VhostManagement,
    options: &GlobalOptions,
) -> Result<Option<Finding>> {
    let services: Vec<String> = system.parts.iter().map(|part| part.service.to_owned()).collect();
    // Without databases, and without nodes, other checks say so.
    let Ok(databases) = options.databases(&services) else { return Ok(None) };
    let now = options.clock.now();
    let nodes = management.get(&["nodes"]).await.unwrap_or_default();
    let up = nodes.as_array().into_iter().flatten().filter_map(|node| node["uptime"].as_i64());
    let mut times: BTreeSet<Timestamp> =
        up.filter_map(|up| now.checked_sub(SignedDuration::from_millis(up)).ok()).collect();
    let oldest = oldest(&**broker).await.map_err(of_journal)?;
    times.extend(oldest.filter(|oldest| oldest.offset == Some(0)).and_then(|oldest| oldest.time));
    times.insert(now - SignedDuration::from_mins(1));
    let promised = now - SignedDuration::from_hours(24 * JOURNAL_DAYS - 1);
    for until in times.into_iter().rev().filter(|time| *time > promised) {
        let lost = lost_before(broker, &databases, until).await.map_err(with_advice)?;
        if let Some(JournalLoss { since, lacks: (lacks, of) }) =
            lost.filter(|lost| lost.since > promised)
        {
            let found = format!(
                "it lacks {lacks} of the last {of} events that services published before {until:.0}, the first of {since:.0}: \
                 the broker has lost a part of it"
            );
            let advice = format!(
                "`{} topology repair --since {since:.0}` sends what services have missed of it",
                ui::ballet()
            );
            return Ok(Some(Finding::bad(JOURNAL, BROKER, &found, &advice)));
        }
    }
    Ok(None)
}

async fn of_policy(broker: &Arc<dyn Broker>, options: &GlobalOptions) -> Finding {
    let asked = timeout(PATIENCE, begins_too_late(broker, options.clock.now())).await;
    match asked {
        Ok(Ok(None)) => {
            let found = format!("it has the last {JOURNAL_DAYS} days, or all since it was made");
            Finding::well(JOURNAL, BROKER, &found)
        }
        Ok(Ok(Some(begins))) => {
            let found = format!(
                "it begins at {begins:.0} and promises {JOURNAL_DAYS} days: what is older is lost to \
                 redrive, restore and tap"
            );
            let advice = "back up the databases now: no earlier backup can be brought up to date. See \
                          with `ballet tap --from first` what fills it";
            Finding::bad(JOURNAL, BROKER, &found, advice)
        }
        Ok(Err(error)) => {
            let advice = "give AMQP_URL a user who may read it: ops, redrive or tap";
            Finding::unknown(JOURNAL, BROKER, &error_text(&of_journal(error)), advice)
        }
        Err(_) => {
            let found = format!("where it begins is not known after {} s", PATIENCE.as_secs());
            let advice = "see whether the broker delivers: `ballet tap --from first --limit 1`";
            Finding::unknown(JOURNAL, BROKER, &found, advice)
        }
    }
}

//! Creates what is missing at the broker and sends what no service got, as `ballet topology repair` does.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::envelope::Limits;
use ballet_core::topology::drift::Difference;
use ballet_ops::management::{VhostManagement, has_to_be_asked_for};
use ballet_ops::redrive::{Note, Stop};
use ballet_ops::repair::{Repair, RepairResult};
use ballet_ops::words::counted;
use jiff::Timestamp;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText};
use crate::store::actions::ActionState;

/// The longest wait for a service to handle its queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// What differs at the broker and is mended, and the events that are sent; before, or afterwards.
pub(crate) struct Repaired {
    pub(crate) differences: Vec<Difference>,
    pub(crate) events: RepairResult,
}

impl Repaired {
    /// Returns a sentence for each.
    pub(crate) fn words(&self) -> Vec<String> {
        let RepairResult { unrouted, unclaimed, missed, failures, .. } = &self.events;
        let mut words: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        if *unrouted > 0 {
            words.push(format!("{} in `unrouted` for services", counted(*unrouted, "event")));
        }
        for (service, missed) in missed {
            let of_type = |(name, count)| format!("{service} has missed {count} of {name}");
            words.extend(missed.by_type().into_iter().map(of_type));
            if !missed.is_whole() {
                words.push(format!(
                    "{service} may have missed more than can be seen: `ballet topology repair --dry-run` says why"
                ));
            }
        }
        if *unclaimed > 0 {
            words.push(format!("{} in `unrouted` that nobody gets", counted(*unclaimed, "event")));
        }
        words.extend(failures.iter().cloned());
        words
    }
}

/// Mends and sends, or only looks what would be mended and sent.
pub(crate) async fn run(
    context: &ActionContext,
    since: Timestamp,
    note: Note,
    stop: Stop,
    says: &ProgressText,
    is_look: bool,
) -> Result<Repaired, String> {
    let system = context.contract_index.system();
    let session = context.broker.connect("ballet console").await;
    let session = session.map_err(|error| error.to_string())?;
    let vhost = session.peer().vhost.clone();
    session.close().await;
    let address = context.management.as_deref();
    let address = address.ok_or("the console does not know the broker's management API")?;
    let management = VhostManagement::at(address, &vhost).map_err(|error| error.to_string())?;
    let mut differences =
        management.differences(system).await.map_err(|error| error.to_string())?;
    differences.retain(|one| one.can_be_applied() && !has_to_be_asked_for(one));
    if !is_look {
        for one in &differences {
            management.apply(one).await.map_err(|error| format!("{one}: {error}"))?;
        }
    }
    let floor = context.clock.now() - Limits::default().inbox_window;
    let repair = Repair {
        broker: Arc::clone(&context.broker),
        parts: system.parts.clone(),
        databases: context.databases.clone(),
        since: since.max(floor),
        floor,
        patience: PATIENCE,
    };
    let progress = |done: u64| says.say(format!("{done} messages of the journal read"));
    let options = context.options(note, stop, &progress, &|_| {});
    let events = repair.run(&options, is_look).await.map_err(|error| error.to_string())?;
    Ok(Repaired { differences, events })
}

/// Mends and sends.
pub(crate) async fn repair(
    context: &ActionContext,
    since: Timestamp,
    note: Note,
    stop: Stop,
    says: &ProgressText,
) -> ActionOutcome {
    let repaired = match run(context, since, note, stop, says, false).await {
        Ok(repaired) => repaired,
        Err(why) => return ActionOutcome::failed(&why),
    };
    let (sent, found) = (repaired.events.sent, repaired.events.found());
    let is_whole = repaired.events.is_whole() && sent >= found;
    let state = if is_whole { ActionState::Done } else { ActionState::Partly };
    let says = format!("{sent} of {} sent. It was so:", counted(found, "event"));
    let mut ended = ActionOutcome::new(state, says);
    repaired.words().iter().for_each(|one| ended.say(one));
    ended
}

//! Does what `ballet topology repair` does.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ManagementApi;
use ballet_core::envelope::Limits;
use ballet_ops::management::{
    PATIENCE as ANSWER, apply, differences, has_to_be_asked_for, read_objects,
};
use ballet_ops::missed::Witnesses;
use ballet_ops::redrive::{Note, Stop};
use ballet_ops::repair::{Repair, RepairResult};
use ballet_ops::words::counted;
use jiff::SignedDuration;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText};
use crate::store::actions::ActionState;

/// The longest wait for a service to handle its queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// Repairs what was lost in the last hours, or only looks. Returns what differed at the broker, in words, and the events.
pub(crate) async fn run(
    context: &ActionContext,
    hours: u16,
    note: Note,
    stop: Stop,
    says: &ProgressText,
    is_look: bool,
) -> Result<(Vec<String>, RepairResult), Box<dyn Error + Send + Sync>> {
    let system = context.contract_index.system();
    let session = context.broker.connect("ballet console").await?;
    let vhost = session.peer().vhost.clone();
    session.close().await;
    let address = context.management.as_deref().ok_or("the management API is not given")?;
    let management = ManagementApi::at(address, &vhost, ANSWER)?;
    let mut differences = differences(system, &vhost, &read_objects(&management).await?);
    differences.retain(|one| one.can_be_applied() && !has_to_be_asked_for(one));
    for one in differences.iter().filter(|_| !is_look) {
        apply(&management, one).await?;
    }
    let (now, inbox) = (context.clock.now(), Limits::default().inbox_window);
    let witnesses = Witnesses {
        broker: Arc::clone(&context.broker),
        databases: context.databases.clone(),
        parts: system.parts.clone(),
        since: (now - SignedDuration::from_hours(hours.into())).max(now - inbox),
    };
    // A person waits for it.
    let patience = if is_look { Duration::ZERO } else { PATIENCE };
    let repair = Repair { witnesses, floor: now - inbox, patience };
    let progress = |done: u64| says.say(format!("{done} messages of the journal read"));
    let options = context.options(note, stop, &progress);
    let result = repair.run(&options, is_look).await?;
    let words = differences.iter().map(ToString::to_string).chain(result.words()).collect();
    Ok((words, result))
}

pub(crate) async fn repair(
    context: &ActionContext,
    hours: u16,
    note: Note,
    stop: Stop,
    says: &ProgressText,
) -> ActionOutcome {
    let (words, result) = match run(context, hours, note, stop, says, false).await {
        Ok(repaired) => repaired,
        Err(why) => return ActionOutcome::failed(&why),
    };
    let is_whole = result.is_whole() && result.sent >= result.found();
    let state = if is_whole { ActionState::Done } else { ActionState::Partly };
    let says = format!("{} of {} sent. It was so:", result.sent, counted(result.found(), "event"));
    let mut ended = ActionOutcome::new(state, says);
    words.iter().for_each(|one| ended.say(one));
    ended
}

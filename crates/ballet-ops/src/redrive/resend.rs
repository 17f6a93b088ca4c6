//! Sends dead letters back to their service.

use std::collections::HashMap;

use ballet_amqp::{Publish, ShortString};
use ballet_core::MessageId;
use ballet_core::envelope::{Envelope, Incoming, Limits};

use crate::redrive::action::Action;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::groups::GroupKey;
use crate::redrive::options::RedriveOptions;
use crate::redrive::plan::Plan;
use crate::redrive::run::Run;
use crate::redrive::sent_ids::SentIds;
use crate::redrive::summary::Summary;

/// A message that was sent ahead of its group.
pub(crate) struct SentCanary {
    /// The id of the dead letter.
    pub(crate) id: String,
    /// The id under which the service knows the message.
    pub(crate) sent_as: MessageId,
}

/// Sends the dead letters of a plan back to their service.
pub(crate) struct Resend<'a> {
    plan: &'a Plan,
    run: Run,
    beyond_memory: bool,
    /// Whether only one of each group is sent.
    canaries_only: bool,
    canaries: HashMap<GroupKey, SentCanary>,
    sent: SentIds,
    summary: Summary,
    options: &'a RedriveOptions<'a>,
}

impl<'a> Resend<'a> {
    /// Sends all dead letters of the plan, except those of groups that are held back. It adds the ids to `sent`.
    pub(crate) fn all(plan: &'a Plan, options: &'a RedriveOptions<'a>, sent: SentIds) -> Self {
        Self {
            plan,
            run: Run::new(options, plan.floor()),
            beyond_memory: options.beyond_memory,
            canaries_only: false,
            canaries: HashMap::new(),
            sent,
            summary: Summary::default(),
            options,
        }
    }

    /// Sends one dead letter of each group.
    pub(crate) fn canaries(plan: &'a Plan, options: &'a RedriveOptions<'a>, sent: SentIds) -> Self {
        Self { canaries_only: true, ..Self::all(plan, options, sent) }
    }

    pub(crate) fn into_parts(self) -> (Summary, HashMap<GroupKey, SentCanary>) {
        (self.summary, self.canaries)
    }
}

impl Action for Resend<'_> {
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>> {
        let group = self.plan.groups().key(dead_letter);
        // A message that this run has sent and that died again must not be sent in circles.
        let came_back = dead_letter.is_from(&self.run.id);
        if came_back || !self.plan.contains(dead_letter) || self.plan.is_held_back(&group) {
            return None;
        }
        if self.plan.is_forgotten(dead_letter) && !self.beyond_memory {
            return None;
        }
        if let Some(why) = dead_letter.forgery() {
            if !self.canaries_only {
                self.summary.add_failed(dead_letter.id.to_string(), why);
            }
            return None;
        }
        if self.canaries_only && !self.plan.is_canary(&group, dead_letter) {
            return None;
        }
        let messages = self.run.redriven(dead_letter, self.plan.part());
        let sent_as = messages.last().map_or(dead_letter.id, id_of);
        self.sent.add(sent_as);
        if self.canaries_only {
            let id = dead_letter.id.to_string();
            self.canaries.insert(group, SentCanary { id, sent_as });
        }
        Some(messages)
    }

    fn removed(&mut self, dead_letter: &DeadLetter) {
        let renamed = dead_letter.id_is_before(self.run.floor);
        self.summary.add_removed(dead_letter, renamed, self.options);
    }

    fn failed(&mut self, id: String, reason: String) {
        self.summary.add_failed(id, reason);
    }

    fn removed_count(&self) -> u64 {
        self.summary.removed
    }
}

/// The id under which a service knows the message sent to it.
fn id_of(message: &Publish) -> MessageId {
    let text = message.properties.message_id().as_ref().map(ShortString::as_str);
    let incoming = Incoming { message_id: text, body: &message.body, ..Incoming::default() };
    Envelope::message_id_of(&incoming, &Limits::default())
}

//! Sends dead letters back to their service.

use std::collections::{HashMap, HashSet};

use ballet_amqp::{Publish, ShortString};
use ballet_core::MessageId;
use ballet_core::envelope::{Envelope, Incoming, Limits};

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::groups::GroupKey;
use crate::redrive::options::RedriveOptions;
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::sent_ids::SentIds;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// A message that was sent ahead of its group.
pub(crate) struct SentCanary {
    /// The id of the dead letter.
    pub(crate) id: String,
    /// The id under which the service knows the message.
    pub(crate) sent_as: MessageId,
    /// Whether the broker has it.
    pub(crate) is_sent: bool,
}

/// Sends the dead letters of a plan back to their service.
pub(crate) struct ResendAction<'a> {
    plan: &'a DeadLetterPlan,
    run: ToolRun,
    beyond_memory: bool,
    /// Whether only one of each group is sent.
    canaries_only: bool,
    canaries: HashMap<GroupKey, SentCanary>,
    sent: SentIds,
    /// The forged dead letters that were read, each once, however many passes read them.
    forged: HashSet<LetterIdentity>,
    /// The ids of the forged dead letters, with the reasons. They are the last failures, so that they hide no others.
    forgeries: Vec<(String, String)>,
    summary: Summary,
}

impl<'a> ResendAction<'a> {
    /// Sends all dead letters of the plan, except those of groups that are held back. It adds the ids to `sent`.
    pub(crate) fn all(
        plan: &'a DeadLetterPlan,
        options: &RedriveOptions<'_>,
        sent: SentIds,
    ) -> Self {
        Self {
            plan,
            run: ToolRun::new(options, plan.floor()),
            beyond_memory: options.beyond_memory,
            canaries_only: false,
            canaries: HashMap::new(),
            sent,
            forged: HashSet::new(),
            forgeries: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Sends one dead letter of each group.
    pub(crate) fn canaries(
        plan: &'a DeadLetterPlan,
        options: &RedriveOptions<'_>,
        sent: SentIds,
    ) -> Self {
        Self { canaries_only: true, ..Self::all(plan, options, sent) }
    }

    pub(crate) fn into_parts(mut self) -> (Summary, HashMap<GroupKey, SentCanary>) {
        for (id, why) in self.forgeries {
            self.summary.add_failed(id, why);
        }
        (self.summary, self.canaries)
    }

    fn sent_as(&self, dead_letter: &DeadLetter) -> MessageId {
        self.run.redriven(dead_letter, self.plan.part()).last().map_or(dead_letter.id, id_of)
    }
}

impl PassAction for ResendAction<'_> {
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>> {
        let group = self.plan.groups().key(dead_letter);
        // A message that this run has sent and that died again is not sent in circles.
        let came_back = dead_letter.is_from(&self.run.id);
        if came_back || !self.plan.contains(dead_letter) || self.plan.is_held_back(&group) {
            return None;
        }
        if self.plan.is_forgotten(dead_letter) && !self.beyond_memory {
            return None;
        }
        if let Some(why) = dead_letter.why_unsendable() {
            if !self.canaries_only && self.forged.insert(dead_letter.identity()) {
                self.forgeries.push((dead_letter.id.to_string(), why));
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
            self.canaries.insert(group, SentCanary { id, sent_as, is_sent: false });
        }
        Some(messages)
    }

    fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    fn retires(&self, dead_letter: &DeadLetter) -> bool {
        dead_letter.id_is_before(self.run.floor)
    }

    fn on_removal(&mut self, dead_letter: &DeadLetter) {
        if self.canaries_only {
            let canary = self.canaries.get_mut(&self.plan.groups().key(dead_letter));
            canary.into_iter().for_each(|canary| canary.is_sent = true);
        }
    }

    fn on_failure(&mut self, dead_letter: &DeadLetter) {
        self.sent.remove(self.sent_as(dead_letter));
    }
}

/// Returns the id under which a service knows the message sent to it.
fn id_of(message: &Publish) -> MessageId {
    let text = message.properties.message_id().as_ref().map(ShortString::as_str);
    let incoming = Incoming { message_id: text, body: &message.body, ..Incoming::default() };
    Envelope::message_id_of(&incoming, &Limits::default())
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;
    use ballet_amqp::headers::DEAD_REASON;
    use jiff::Timestamp;

    use super::*;
    use crate::redrive::sample::{delivered, long_string};

    fn dead_letter(id: &str, reason: &str) -> DeadLetter {
        let properties = BasicProperties::default().with_message_id(id.into());
        let headers = [(DEAD_REASON, long_string(reason))];
        DeadLetter::read("hotel", delivered("dead", "hotel", properties, &headers))
    }

    #[test]
    fn a_forged_letter_is_told_once_and_hides_no_failure_and_a_failure_is_not_waited_for() {
        let forged: Vec<DeadLetter> =
            (0..30).map(|number| dead_letter(&format!("{number}"), "forged_type")).collect();
        let others = ["a", "b"].map(|id| dead_letter(id, "no_room"));
        let mut plan = DeadLetterPlan::new(None, Timestamp::UNIX_EPOCH);
        forged.iter().chain(&others).for_each(|one| plan.add(one));
        let (options, sent) = (RedriveOptions::plain(), SentIds::default());
        let mut resend = ResendAction::all(&plan, &options, sent.clone());
        // Several passes.
        for _ in 0..3 {
            assert!(forged.iter().all(|one| resend.replacements(one).is_none()));
        }
        assert!(others.iter().all(|one| resend.replacements(one).is_some()));
        assert_eq!(sent.all().len(), 2);
        resend.failed(&others[0], "no queue".to_owned());
        resend.removed(&others[1], &options);
        assert_eq!(sent.all(), HashSet::from([others[1].id]));
        let (summary, _) = resend.into_parts();
        assert_eq!((summary.removed, summary.failed), (1, 31));
        assert_eq!(summary.failures[0], (others[0].id.to_string(), "no queue".to_owned()));
    }
}

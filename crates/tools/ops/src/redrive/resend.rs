//! Sends dead letters back to their service.

use std::collections::HashSet;

use ballet_amqp::Publish;

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::options::RedriveOptions;
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// Sends the dead letters of a plan back to their service.
pub(crate) struct ResendAction<'a> {
    plan: &'a DeadLetterPlan,
    run: ToolRun,
    beyond_memory: bool,
    /// The forged dead letters that were read, each once, however many passes read them.
    forged: HashSet<LetterIdentity>,
    /// The ids of the forged dead letters, with the reasons. They are the last failures, so that they hide no others.
    forgeries: Vec<(String, String)>,
    summary: Summary,
}

impl<'a> ResendAction<'a> {
    pub(crate) fn new(plan: &'a DeadLetterPlan, options: &RedriveOptions<'_>) -> Self {
        Self {
            plan,
            run: ToolRun::new(options, plan.floor()),
            beyond_memory: options.beyond_memory,
            forged: HashSet::new(),
            forgeries: Vec::new(),
            summary: Summary::default(),
        }
    }

    pub(crate) fn into_summary(mut self) -> Summary {
        for (id, why) in self.forgeries {
            self.summary.add_failed(id, why);
        }
        self.summary
    }
}

impl PassAction for ResendAction<'_> {
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>> {
        // A message that this run has sent and that died again is not sent in circles.
        let came_back = dead_letter.is_from(&self.run.id);
        if came_back || !self.plan.contains(dead_letter) {
            return None;
        }
        if self.plan.is_forgotten(dead_letter) && !self.beyond_memory {
            return None;
        }
        if let Some(why) = dead_letter.why_unsendable() {
            if self.forged.insert(dead_letter.identity()) {
                self.forgeries.push((dead_letter.id.to_string(), why));
            }
            return None;
        }
        Some(self.run.redriven(dead_letter, self.plan.part()))
    }

    fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    fn retires(&self, dead_letter: &DeadLetter) -> bool {
        dead_letter.id_is_before(self.run.floor)
    }
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
    fn a_forged_letter_is_told_once_and_hides_no_failure() {
        let forged: Vec<DeadLetter> =
            (0..30).map(|number| dead_letter(&format!("{number}"), "forged_type")).collect();
        let others = ["a", "b"].map(|id| dead_letter(id, "no_room"));
        let mut plan = DeadLetterPlan::new(None, Timestamp::UNIX_EPOCH);
        forged.iter().chain(&others).for_each(|one| plan.add(one));
        let options = RedriveOptions::plain();
        let mut resend = ResendAction::new(&plan, &options);
        // Several passes.
        for _ in 0..3 {
            assert!(forged.iter().all(|one| resend.replacements(one).is_none()));
        }
        assert!(others.iter().all(|one| resend.replacements(one).is_some()));
        resend.failed(&others[0], "no queue".to_owned());
        resend.removed(&others[1], &options);
        let summary = resend.into_summary();
        assert_eq!((summary.removed, summary.failed), (1, 31));
        assert_eq!(summary.failures[0], (others[0].id.to_string(), "no queue".to_owned()));
    }
}

//! Selects dead letters.

use crate::redrive::cause::cause_of;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::groups::GroupKey;

/// Selects the dead letters that match all given criteria.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// The reason as a code.
    pub reason: Option<String>,
    /// The event's name.
    pub event_type: Option<String>,
    /// The [cause](cause_of) of the detail.
    pub cause: Option<String>,
    /// The [id of a group](GroupKey::id).
    pub group: Option<String>,
    /// Message ids, or their last digits. One of them has to match.
    pub ids: Vec<String>,
    /// The [marks](DeadLetter::mark) of dead letters that were seen. Those that died, came back or were edited later
    /// are excluded.
    pub seen: Option<Vec<String>>,
    /// The saga; its last digits are enough.
    pub saga: Option<String>,
    /// The maximum number of dead letters of a plan.
    pub limit: Option<u64>,
}

impl DeadLetterFilter {
    /// Whether the dead letter is selected.
    #[must_use]
    pub fn matches(&self, dead_letter: &DeadLetter) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        is(&self.reason, Some(&dead_letter.reason))
            && is(&self.event_type, dead_letter.event_type.as_deref())
            && self.saga.as_deref().is_none_or(|end| match &dead_letter.saga {
                Some(saga) => is_end(end, saga),
                // A message that begins a saga may not name it: its own id is the saga's.
                None => is_end(end, &dead_letter.id.to_string()),
            })
            && self.matches_id(dead_letter)
            && self.cause.as_ref().is_none_or(|cause| {
                dead_letter.detail.as_deref().is_some_and(|detail| cause_of(detail) == *cause)
            })
            && self
                .group
                .as_ref()
                .is_none_or(|group| GroupKey::of(dead_letter).id().as_ref() == Some(group))
            && self.seen.as_ref().is_none_or(|seen| seen.contains(&dead_letter.mark()))
    }

    fn matches_id(&self, dead_letter: &DeadLetter) -> bool {
        if self.ids.is_empty() {
            return true;
        }
        let id = dead_letter.id.to_string();
        self.ids.iter().any(|end| is_end(end, &id))
    }
}

fn is_end(end: &str, id: &str) -> bool {
    !end.is_empty() && id.to_lowercase().ends_with(&end.to_lowercase())
}

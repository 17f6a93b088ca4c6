//! What each kind of work does with the letters that it is about.

use std::collections::HashMap;

use ballet_core::MessageId;

use super::letter::{header, known_id};
use super::letters::Progress;
use super::pass::Work;
use super::plan::{Keep, Plan, Sending, Taken};
use super::resend::Run;
use super::{GroupKey, Letter, RedriveError};
use ballet_amqp::{Publish, ShortString};

/// How many refusals are told one by one.
const TOLD: usize = 20;

impl Taken {
    fn removed(&mut self, letter: &Letter, gone: bool, progress: Progress<'_>) {
        self.letters += 1;
        if gone {
            self.gone.push(letter.id);
        }
        progress(self.letters);
    }

    fn refused(&mut self, id: String, why: String) {
        self.refused += 1;
        if self.told.len() < TOLD {
            self.told.push((id, why));
        }
    }
}

/// Sends letters back to their service.
pub(super) struct Redriving<'a> {
    plan: &'a Plan,
    run: Run,
    beyond_memory: bool,
    /// Only one of each group.
    canaries: bool,
    /// The canaries: the id that is shown, and the one under which the service will know it.
    pub(super) sent: HashMap<GroupKey, (String, MessageId)>,
    pub(super) taken: Taken,
    progress: Progress<'a>,
}

impl<'a> Redriving<'a> {
    pub(super) fn new(plan: &'a Plan, sending: &'a Sending<'_>, canaries: bool) -> Self {
        Self {
            plan,
            run: sending.run(plan),
            beyond_memory: sending.beyond_memory,
            canaries,
            sent: HashMap::new(),
            taken: Taken::default(),
            progress: sending.progress,
        }
    }
}

impl Work for Redriving<'_> {
    fn take(&mut self, letter: &Letter) -> Option<Vec<Publish>> {
        let group = self.plan.groups.key(letter);
        // What this run has sent and what came back would else go round in circles.
        let came_back = letter.run == Some(self.run.id);
        if came_back || !self.plan.means(letter) || self.plan.held_back.contains(&group) {
            return None;
        }
        if self.plan.is_a_guess(letter) && !self.beyond_memory {
            return None;
        }
        if self.canaries && self.sent.contains_key(&group) {
            return None;
        }
        let messages = self.run.redriven(letter, self.plan.part.as_ref());
        if self.canaries {
            let id = messages.last().map_or(letter.id, id_of);
            self.sent.insert(group, (letter.id.to_string(), id));
        }
        Some(messages)
    }

    fn removed(&mut self, letter: &Letter) {
        self.taken.removed(letter, letter.id_is_before(self.run.floor), self.progress);
    }

    fn refused(&mut self, id: String, why: String) {
        self.taken.refused(id, why);
    }

    fn done(&self) -> u64 {
        self.taken.letters
    }
}

/// The id under which a service knows what is sent to it.
fn id_of(message: &Publish) -> MessageId {
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    let properties = &message.properties;
    known_id(
        text(properties.message_id()).as_deref(),
        text(properties.kind()).as_deref(),
        &message.body,
    )
}

pub(super) type Replacement<'a> = &'a (dyn Fn(&Run, &Letter) -> Vec<Publish> + Sync);

/// Puts something else in the place of letters.
pub(super) struct Replacing<'a> {
    plan: &'a Plan,
    run: Run,
    replacement: Replacement<'a>,
    keeper: Option<Box<dyn Keep>>,
    /// Whether the messages are not to come again.
    gone: bool,
    pub(super) taken: Taken,
    progress: Progress<'a>,
}

impl<'a> Replacing<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        sending: &'a Sending<'_>,
        replacement: Replacement<'a>,
        keeper: Option<Box<dyn Keep>>,
        gone: bool,
    ) -> Self {
        let (run, taken, progress) = (sending.run(plan), Taken::default(), sending.progress);
        Self { plan, run, replacement, keeper, gone, taken, progress }
    }
}

impl Work for Replacing<'_> {
    fn take(&mut self, letter: &Letter) -> Option<Vec<Publish>> {
        let mine = self.run.id.to_string();
        let done = letter.header(header::RUN) == Some(&mine);
        (self.plan.means(letter) && !done).then(|| (self.replacement)(&self.run, letter))
    }

    fn keep(&mut self, letter: &Letter) -> Result<(), RedriveError> {
        self.keeper.as_mut().map_or(Ok(()), |keeper| Ok(keeper.keep(letter)?))
    }

    fn secure(&mut self) -> Result<(), RedriveError> {
        self.keeper.as_mut().map_or(Ok(()), |keeper| Ok(keeper.secure()?))
    }

    fn removed(&mut self, letter: &Letter) {
        self.taken.removed(letter, self.gone, self.progress);
    }

    fn refused(&mut self, id: String, why: String) {
        self.taken.refused(id, why);
    }

    fn done(&self) -> u64 {
        self.taken.letters
    }
}

//! Puts other messages in the place of dead letters: edits and discards them.

use ballet_amqp::Publish;

use crate::redrive::action::PassAction;
use crate::redrive::archive_file::ArchiveFile;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// Makes the messages that replace a dead letter.
pub(crate) type Replacement<'a> = &'a (dyn Fn(&ToolRun, &DeadLetter) -> Vec<Publish> + Sync);

/// Puts other messages in the place of the dead letters of a plan.
pub(crate) struct ReplaceAction<'a> {
    plan: &'a DeadLetterPlan,
    run: ToolRun,
    replacement: Replacement<'a>,
    archive: Option<&'a mut ArchiveFile>,
    /// Whether the messages will not come again.
    retires: bool,
    summary: Summary,
}

impl<'a> ReplaceAction<'a> {
    pub(crate) fn new(
        plan: &'a DeadLetterPlan,
        options: &RedriveOptions<'_>,
        replacement: Replacement<'a>,
        archive: Option<&'a mut ArchiveFile>,
        retires: bool,
    ) -> Self {
        let run = ToolRun::new(options, plan.floor());
        Self { plan, run, replacement, archive, retires, summary: Summary::default() }
    }

    pub(crate) fn into_summary(self) -> Summary {
        self.summary
    }
}

impl PassAction for ReplaceAction<'_> {
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>> {
        let is_from_this_run = dead_letter.is_from(&self.run.id);
        (self.plan.contains(dead_letter) && !is_from_this_run)
            .then(|| (self.replacement)(&self.run, dead_letter))
    }

    fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    fn retires(&self, _dead_letter: &DeadLetter) -> bool {
        self.retires
    }

    fn archive(&mut self, dead_letter: &DeadLetter) -> Result<(), RedriveError> {
        self.archive.as_mut().map_or(Ok(()), |archive| Ok(archive.store(dead_letter)?))
    }

    fn sync_archive(&mut self) -> Result<(), RedriveError> {
        self.archive.as_mut().map_or(Ok(()), |archive| Ok(archive.sync()?))
    }
}

//! What a pass does with the dead letters that it reads.

use ballet_amqp::Publish;

use crate::redrive::archive_file::ArchiveFile;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::summary::Summary;

/// Returns the messages that replace a dead letter. `None` leaves it in the queue.
type Replace<'a> = Box<dyn FnMut(&DeadLetter) -> Option<Vec<Publish>> + Send + 'a>;

pub(crate) struct PassAction<'a> {
    pub(crate) replace: Replace<'a>,
    /// Called with each removed dead letter. Returns whether its id will not come again.
    pub(crate) retires: Box<dyn Fn(&DeadLetter) -> bool + Send + 'a>,
    /// Stores each dead letter before it is removed.
    pub(crate) archive: Option<&'a mut ArchiveFile>,
    pub(crate) summary: Summary,
}

impl<'a> PassAction<'a> {
    /// Replaces dead letters by these messages. Their ids may come again.
    pub(crate) fn new(
        replace: impl FnMut(&DeadLetter) -> Option<Vec<Publish>> + Send + 'a,
    ) -> Self {
        Self {
            replace: Box::new(replace),
            retires: Box::new(|_| false),
            archive: None,
            summary: Summary::default(),
        }
    }
}

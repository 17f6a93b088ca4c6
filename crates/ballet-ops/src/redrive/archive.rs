//! Where discarded dead letters go.

use std::io;

use crate::redrive::dead_letter::DeadLetter;

/// Stores dead letters before they are discarded.
pub trait Archive: Send {
    /// Stores a dead letter.
    ///
    /// # Errors
    ///
    /// If it cannot be stored. The dead letter then stays in the queue.
    fn store(&mut self, dead_letter: &DeadLetter) -> io::Result<()>;

    /// Makes everything stored so far durable. Dead letters are removed only after this returns.
    ///
    /// # Errors
    ///
    /// As with [`store`](Self::store).
    fn sync(&mut self) -> io::Result<()>;
}

//! A service whose database was restored from a backup, while the broker and the other services went on.
//!
//! What it missed is sent to it again from the journal ([`crate::missed`]). What it does then need not be
//! what it did before: others have heard the one, and hear the other. [`compare()`] finds where the two
//! differ.

mod compare;
mod hold;

pub use compare::{Compared, Difference, ON_ITS_WAY, compare};
pub use hold::{after_the_beginning, held_back};

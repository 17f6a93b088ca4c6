//! Dead letters: read them, send them back, edit them, discard them.
//!
//! A message is dead if it is in the `<service>.dead` queue, where the broker's own tools can handle it as well. A dead
//! letter is removed only when the broker has confirmed its replacement, so an interruption loses nothing. It may leave
//! a message twice, with one message id, of which the inbox accepts one.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ballet_amqp::RabbitMq;
//! use ballet_ops::redrive::{DeadLetters, DeadLetterFilter};
//!
//! let broker = RabbitMq::new("amqp://redrive:password@localhost/shop")?;
//! let dead_letters = DeadLetters::new(broker, "payments");
//! let filter = DeadLetterFilter { reason: Some("failed".into()), ..DeadLetterFilter::default() };
//! let plan = dead_letters.plan(filter, None, jiff::Timestamp::UNIX_EPOCH).await?;
//! for (key, group) in plan.groups().all() {
//!     println!("{} x {key}", group.count);
//! }
//! # Ok(()) }
//! ```

pub(crate) mod action;
mod archive_file;
mod cause;
pub(crate) mod dead_letter;
mod dead_letters;
mod declarations;
pub(crate) mod error;
mod filter;
mod groups;
pub mod json;
pub(crate) mod note_writer;
pub(crate) mod options;
mod pass;
pub(crate) mod passes;
mod pending_retries;
mod plan;
pub(crate) mod queue;
pub(crate) mod reader;
#[cfg(test)]
mod sample;
pub(crate) mod source;
pub(crate) mod summary;
pub(crate) mod tool_run;
mod unrouted_events;

pub use archive_file::ArchiveFile;
pub use cause::cause_of;
pub use dead_letter::DeadLetter;
pub use error::RedriveError;
pub use filter::DeadLetterFilter;
pub use groups::{DeadLetterGroup, DeadLetterGroups, GroupKey};
pub use note_writer::NoteWriter;
pub use options::{Progress, RedriveOptions, Stop};
pub use pending_retries::PendingRetries;
pub use plan::DeadLetterPlan;
pub use queue::{DeadLetters, QueueStatus};
pub use summary::Summary;
pub use unrouted_events::UnroutedEvents;

pub use crate::note::Note;

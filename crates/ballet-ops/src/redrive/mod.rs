//! Dead letters: reading them, sending them back, changing them, throwing them away.
//!
//! A service's `<service>.dead` queue is the truth about what is dead, and everything here works
//! on that queue, so it may be used beside the broker's own tools. Nothing is lost whenever it is
//! interrupted: a letter is removed only when the broker has confirmed what takes its place. What
//! is then there twice has one message id, and the service's inbox takes it once.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ballet_amqp::RabbitMq;
//! use ballet_ops::redrive::{Choice, DeadLetters};
//!
//! let broker = RabbitMq::new("amqp://redrive:password@localhost/shop")?;
//! let letters = DeadLetters::new(broker, "payments");
//! let choice = Choice { reason: Some("failed".into()), ..Choice::default() };
//! let plan = letters.plan(choice, None, jiff::Timestamp::UNIX_EPOCH).await?;
//! for (key, group) in plan.groups().biggest_first() {
//!     println!("{} x {key}", group.letters);
//! }
//! # Ok(()) }
//! ```

mod choice;
mod fate;
mod letter;
mod letters;
mod pass;
mod plan;
mod reader;
mod resend;
mod work;

pub use self::choice::{Choice, Group, GroupKey, Groups};
pub use self::fate::Fate;
pub use self::letter::Letter;
pub use self::letters::{DeadLetters, Held, Progress, RedriveError, Stop};
pub use self::plan::{Canary, Keep, Plan, Sending, Taken};
pub use self::resend::Note;

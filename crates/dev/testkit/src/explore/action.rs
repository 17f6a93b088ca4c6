//! The actions of a schedule, and their words.

use std::fmt;

use ballet::core::fault::FaultPoint;

/// A message that waits in a queue, by names that are the same in every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageName {
    /// The queue.
    pub queue: String,
    /// The type of the event.
    pub event: String,
    /// The number of its saga in the schedule.
    pub saga: Option<usize>,
}

/// A call that waits to be made again, by names that are the same in every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallName {
    /// The service that makes it.
    pub service: &'static str,
    /// The step.
    pub step: String,
    /// Whether its compensation makes it.
    pub undo: bool,
    /// The number of its saga in the schedule.
    pub saga: usize,
}

/// An action of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The client makes its move of this number.
    Move(usize, String),
    /// A service gets a message.
    Deliver(MessageName),
    /// A service gets a copy of a message, which comes again later.
    Repeat(MessageName),
    /// Two replicas work on two messages at the same time.
    Together(MessageName, MessageName),
    /// The client makes its move while a replica that works on a message is at its commit.
    Beside(usize, String, MessageName),
    /// The client makes its move, and the service loses its session with the database at the commit.
    LoseRequest(usize, String),
    /// A service gets a message, and loses its session with the database at the commit.
    Lose(MessageName),
    /// A service gets a message, and the process dies at this point.
    Crash(MessageName, FaultPoint),
    /// A message comes back after the pause before its next attempt.
    Return(MessageName),
    /// A call that failed, or had no outcome yet, is made again after its pause.
    Ask(CallName),
    /// The deadline of a saga passes.
    Deadline(String, usize),
}

/// The points at which a process can die. An answer of the database is not heard after `AfterCommit`, and a call that
/// was to follow is not made.
pub(super) const POINTS: [FaultPoint; 3] =
    [FaultPoint::AfterCommit, FaultPoint::AfterPublish, FaultPoint::BeforeAck];

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.event)?;
        self.saga.map_or(Ok(()), |saga| write!(f, " of saga #{}", saga + 1))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Move(_, name) => write!(f, "the client {name}"),
            Self::Deliver(message) => write!(f, "{} gets {message}", message.queue),
            Self::Repeat(message) => {
                write!(f, "{} gets {message}; the same message comes again later", message.queue)
            }
            Self::Together(one, other) => write!(
                f,
                "two replicas of {} get {one} and {other}; neither commits before both are at their commit, or one \
                 waits for the other's lock",
                one.queue
            ),
            Self::Beside(_, name, message) => {
                write!(f, "{} gets {message}; before it commits, the client {name}", message.queue)
            }
            Self::LoseRequest(_, name) => write!(
                f,
                "the client {name}; the service loses its session with the database at the commit, and the client may \
                 ask again"
            ),
            Self::Lose(message) => write!(
                f,
                "{} gets {message}, and loses its session with the database at the commit",
                message.queue
            ),
            Self::Crash(message, point) => {
                let when = match point {
                    FaultPoint::AfterCommit => {
                        "dies after the commit, before anything is published or called"
                    }
                    FaultPoint::AfterPublish => "dies after publishing, before the confirms",
                    FaultPoint::AfterCall => {
                        "dies after the call that follows, before its answer is recorded"
                    }
                    _ => "dies before the acknowledgement",
                };
                write!(f, "{} gets {message}, and {when}", message.queue)
            }
            Self::Return(message) => {
                write!(f, "{message} comes back from {} for its next attempt", message.queue)
            }
            Self::Ask(CallName { service, step, undo, saga }) => {
                let undo = if *undo { "the undo of " } else { "" };
                write!(f, "{service} makes the call of {undo}{step} again, for saga #{}", saga + 1)
            }
            Self::Deadline(service, saga) => {
                write!(f, "the deadline of saga #{} passes at {service}", saga + 1)
            }
        }
    }
}

//! The broker's answer to whether an object exists.

use crate::session::error::BrokerError;
use crate::session::object::FoundObject;

/// The broker's answer about an exchange or a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It exists.
    Found(FoundObject),
    /// It does not exist.
    Absent,
    /// The user may not know, with the broker's words: RabbitMQ from 4.2.6 on refuses the question to a user
    /// without a right on the object.
    Hidden(String),
}

impl Lookup {
    /// The answer for those who cannot go on without one; `None` if the object does not exist.
    ///
    /// # Errors
    ///
    /// If it is hidden, with the broker's words.
    pub fn seen(self) -> Result<Option<FoundObject>, BrokerError> {
        match self {
            Self::Found(found) => Ok(Some(found)),
            Self::Absent => Ok(None),
            Self::Hidden(text) => Err(BrokerError::ChannelClosed { code: 403, text }),
        }
    }

    /// The number of ready messages, none where there is no queue; `None` if it is hidden.
    #[must_use]
    pub fn messages(&self) -> Option<u32> {
        match self {
            Self::Found(found) => Some(found.messages),
            Self::Absent => Some(0),
            Self::Hidden(_) => None,
        }
    }
}

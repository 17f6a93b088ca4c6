//! The interface to the broker, independent of lapin's channels.

pub(crate) mod error;
pub(crate) mod expected_objects;
pub(crate) mod lookup;
pub(crate) mod message;
pub(crate) mod object;
pub(crate) mod outage;
pub(crate) mod peer;
pub(crate) mod seam;
pub(crate) mod state;

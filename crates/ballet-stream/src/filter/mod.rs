//! Which records are wanted.

pub(crate) mod condition;
pub(crate) mod pattern;

use crate::filter::condition::{HeaderIs, ValueIs};
use crate::filter::pattern::Pattern;
use crate::record::Record;

/// Which records are wanted: those that match one of each kind that is given.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Types, as a binding of a topic exchange names them.
    pub types: Vec<Pattern>,
    /// Correlation ids, or how they end: the last eight digits, say.
    pub sagas: Vec<String>,
    /// Publishers, or the services that dead letters are dead in.
    pub services: Vec<String>,
    /// Headers with their values. All have to match.
    pub headers: Vec<HeaderIs>,
    /// Values in the message. All have to match.
    pub values: Vec<ValueIs>,
}

impl Filter {
    /// Whether it wants everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { types, sagas, services, headers, values } = self;
        types.is_empty()
            && sagas.is_empty()
            && services.is_empty()
            && headers.is_empty()
            && values.is_empty()
    }

    /// Whether the record is wanted.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let ends = |is: &str, name: &String| {
            let at = is.len().checked_sub(name.len());
            at.and_then(|at| is.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
        };
        let of_saga = |is: &str| self.sagas.iter().any(|name| ends(is, name));
        let of_service = |is: &str| self.services.iter().any(|name| name == is);
        (self.types.is_empty() || self.types.iter().any(|p| p.matches(record.event_type())))
            && (self.sagas.is_empty() || record.saga().is_some_and(of_saga))
            && (self.services.is_empty() || record.service().is_some_and(of_service))
            && self.headers.iter().all(|header| header.matches(record))
            && self.values.iter().all(|value| value.matches(record))
    }
}

//! Selects the records to send.

use std::collections::HashSet;

use ballet_core::System;
use ballet_core::topology::EVENTS;

use crate::stream::record::Record;

/// Distinguishes outside events from answers of a system's services.
#[derive(Debug, Clone, Default)]
pub struct OutsideEvents {
    by_themselves: HashSet<String>,
}

impl OutsideEvents {
    /// Reads the declarations of passing deadlines and of requested and filled copies.
    #[must_use]
    pub fn of(system: &System) -> Self {
        let mut by_themselves = HashSet::new();
        for part in &system.parts {
            let deadlines = part.sagas.iter().filter_map(|saga| saga.deadline);
            by_themselves.extend(deadlines.map(|deadline| deadline.passed));
            by_themselves.extend(part.shares.iter().map(|share| share.republished));
            by_themselves.extend(part.copies.iter().filter_map(|copy| copy.request));
        }
        let by_themselves = by_themselves.iter().map(|event| event.name().to_owned()).collect();
        Self { by_themselves }
    }

    /// Whether the record came from outside: without a cause, and published by no service by itself.
    #[must_use]
    pub fn is_from_outside(&self, record: &Record) -> bool {
        record.cause().is_none() && !self.by_themselves.contains(record.event_type())
    }
}

/// Whether the record is an event. Dead letters and notes about them are never sent, since services make their own.
#[must_use]
pub fn is_event(record: &Record) -> bool {
    record.exchange == EVENTS
}

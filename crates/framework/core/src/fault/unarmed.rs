//! Fault points without the feature `faults`: every function is empty and costs nothing.

use std::fmt::Display;

use crate::fault::fault_point::FaultPoint;
use crate::fault::names::{AckedDeliveries, WorkNames, WorksOn};

/// Reports that the code has reached a point and works on something.
#[inline(always)]
pub fn point<W: WorksOn + ?Sized>(_: FaultPoint, _: &W) {}

/// Collects the names of the things that a transaction works on, for several points.
#[inline(always)]
pub fn works_on(_: impl FnOnce() -> Vec<String>) -> WorkNames {
    WorkNames::default()
}

/// Remembers the events of a batch.
#[inline(always)]
pub fn remember<W: WorksOn + ?Sized>(_: &impl Display, _: &W) {}

/// Returns the events of a [remembered](remember) batch.
#[inline(always)]
pub fn events_of(_: &impl Display) -> Vec<String> {
    Vec::new()
}

/// Remembers the event type of the delivery with this tag.
#[inline(always)]
pub fn delivered(_: u64, _: impl FnOnce() -> String) {}

impl WorksOn for AckedDeliveries {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

//! Without the feature: nothing happens, at no cost.

use std::fmt::Display;

use crate::fault_point::FaultPoint;
use crate::names::{Acked, Names, WorksOn};

/// The code is at a point, and works on something.
#[inline(always)]
pub fn point<W: WorksOn + ?Sized>(_: FaultPoint, _: &W) {}

/// Collects the names of what a transaction works on, for several points.
#[inline(always)]
pub fn works_on(_: impl FnOnce() -> Vec<String>) -> Names {
    Names::default()
}

/// Remembers the events of a batch.
#[inline(always)]
pub fn remember<W: WorksOn + ?Sized>(_: &impl Display, _: &W) {}

/// The events of a batch that was [remembered](remember).
#[inline(always)]
pub fn events_of(_: &impl Display) -> Vec<String> {
    Vec::new()
}

/// Remembers the type of the delivery with this tag.
#[inline(always)]
pub fn delivered(_: u64, _: impl FnOnce() -> String) {}

impl WorksOn for Acked {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

//! Without the feature: nothing happens, at no cost.

use super::FaultPoint;

/// What the code is working on.
#[derive(Debug)]
pub(crate) struct Aims;

#[inline(always)]
pub(crate) fn point<A: ?Sized>(_: FaultPoint, _: &A) {}

#[inline(always)]
pub(crate) fn aims<A: ?Sized, B: ?Sized>(_: &A, _: &B) -> Aims {
    Aims
}

#[inline(always)]
pub(crate) fn emitted<A, B: ?Sized>(_: A, _: &B) {}

#[inline(always)]
pub(crate) fn delivered<A: ?Sized>(_: &A) {}

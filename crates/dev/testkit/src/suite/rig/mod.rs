//! The rig of the checks: samples, a service under test, its disturbances, its outcome.

pub(super) mod case;
pub(super) mod check_result;
pub(super) mod observe;
pub(super) mod outside;
pub(super) mod snapshot;
pub(super) mod step_rig;
pub(super) mod tested_service;
pub(super) mod world;

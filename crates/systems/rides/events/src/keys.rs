//! The business keys of rides: the ids that people ask for, each with the event field that has it.

use ballet_core::Key;

pub(crate) const DRIVER: Key = Key::of("driver", "driver_id");
pub(crate) const RIDE: Key = Key::of("ride", "ride_id");
pub(crate) const RIDER: Key = Key::of("rider", "rider_id");

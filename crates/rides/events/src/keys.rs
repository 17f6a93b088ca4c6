//! The business keys of rides: what people ask for, and the field of an event that has it.

use ballet_core::Key;

pub(crate) const DRIVER: Key = Key::of("driver", "driver_id");
pub(crate) const RIDE: Key = Key::of("ride", "ride_id");
pub(crate) const RIDER: Key = Key::of("rider", "rider_id");

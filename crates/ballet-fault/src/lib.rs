//! Places in the code where a process may die, so that a test can make it die there.
//!
//! The code says at each [`FaultPoint`] that it is there, and what it works on. With the feature
//! `faults`, and only then, a process whose `BALLET_FAULTS` names a directory
//!
//! - appends a line `<point>@<what>` to the file `seen` when it reaches a point for the first time,
//! - kills itself (SIGKILL) when the file `aim` holds that line. It removes the file first, so that
//!   the process started next lives.
//!
//! Without the feature every function here compiles to nothing.

#[cfg(feature = "faults")]
mod armed;
mod fault_point;
mod names;
#[cfg(not(feature = "faults"))]
mod unarmed;

#[cfg(feature = "faults")]
pub use armed::{delivered, events_of, point, remember, works_on};
pub use fault_point::{About, FaultPoint};
pub use names::{Acked, Names, WorksOn};
#[cfg(not(feature = "faults"))]
pub use unarmed::{delivered, events_of, point, remember, works_on};

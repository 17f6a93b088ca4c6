//! Fault points: places in the code where a test can kill or freeze the process.
//!
//! The code reports each [`FaultPoint`] that it reaches, and the thing it works on. With the
//! feature `faults`, a process whose `BALLET_FAULTS` names a directory
//!
//! - kills itself (SIGKILL) when the file `aim` holds the line `<point>@<what>`. It removes the file
//!   first, so that the next process survives,
//! - stops itself (SIGSTOP) when the file `freeze` holds that line. It removes this file first, too.
//!
//! Without the feature every function here compiles to nothing.

/// Whether the points are armed: the feature `faults` is on.
pub const ARMED: bool = cfg!(feature = "faults");

#[cfg(feature = "faults")]
mod armed;
mod fault_point;
mod names;
#[cfg(not(feature = "faults"))]
mod unarmed;

#[cfg(feature = "faults")]
pub use armed::{delivered, events_of, point, remember, works_on};
pub use fault_point::{FaultPoint, PointSubject};
pub use names::{AckedDeliveries, WorkNames, WorksOn};
#[cfg(not(feature = "faults"))]
pub use unarmed::{delivered, events_of, point, remember, works_on};

//! What the tests of several services of the shop stand on: the other company that a service calls, a
//! service in a world of its own, and sample events.

pub mod partner;
pub mod rig;
pub mod samples;

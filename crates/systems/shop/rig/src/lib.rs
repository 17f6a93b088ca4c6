//! Shared code for the tests of the shop's services: the other company that a service calls, a service in its own
//! environment, and sample events.

pub mod partner;
pub mod rig;
pub mod samples;

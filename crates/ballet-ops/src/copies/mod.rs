//! The copies that services keep of each other's entities: what is copied, whether a copy equals its
//! source, and how to bring one anew.

mod check;
mod rebuild;
mod state;

pub use check::{Check, Difference, Kind, Report};
pub use rebuild::{Progress, Rebuild};
pub use state::{Copy, Share, copies, share};

//! The steps of accounts.

mod admit_viewer;
mod complete_erasure;
mod release_slot;
mod reserve_slot;

pub use admit_viewer::AdmitViewer;
pub use complete_erasure::{AccountClosureOwner, CompleteErasure};
pub use release_slot::ReleaseSlot;
pub use reserve_slot::ReserveSlot;

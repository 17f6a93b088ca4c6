//! The auditor: what must always hold between the services of the shop, checked through their
//! public doors. What only databases and broker show is the part of [`ballet_ops::audit`].
//!
//! What holds at any moment (stock adds up, nothing is captured twice) is checked as it is. What
//! holds for an order at rest is checked for orders that have not moved for a while; the others
//! are listed as open.

mod judge;
mod read;
mod rows;

use jiff::SignedDuration;

pub use ballet_ops::audit::Report;
pub use read::{Doors, Unreadable};

/// Reads everything and judges it. An order is at rest when it is completed or cancelled and has
/// not changed for `rest`.
///
/// # Errors
///
/// If a service does not answer, or not in the form that is expected.
pub async fn audit(doors: &Doors, rest: SignedDuration) -> Result<Report, Unreadable> {
    let snapshot = read::read(doors).await?;
    Ok(judge::judge(&snapshot, snapshot.read_at - rest))
}

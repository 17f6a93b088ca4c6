//! The audit of the shop: what must hold between its services, checked over their HTTP APIs.
//! [`ballet_ops::audit`] checks what only the databases and the broker show.
//!
//! What must hold at any moment, such as a stock that adds up, is always checked. What must hold
//! for a quiescent order is checked only for orders that have not changed for a while; the others
//! are listed as open.

mod carts;
mod judge;
mod learned;
mod published;
mod read;
mod rows;

use jiff::SignedDuration;

pub use ballet_ops::audit::Report;
pub use published::{Published, unlike_published};
pub use read::{ServiceUrls, Unreadable, products};

/// Reads and checks everything. An order is quiescent when it is completed or cancelled and has not
/// changed for `quiescent_after`.
///
/// # Errors
///
/// If a service does not answer, or answers in an unexpected form.
pub async fn audit(
    urls: &ServiceUrls,
    quiescent_after: SignedDuration,
) -> Result<Report, Unreadable> {
    let snapshot = read::read(urls).await?;
    Ok(judge::judge(&snapshot, snapshot.read_at - quiescent_after))
}

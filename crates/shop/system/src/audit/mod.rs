//! The audit of the shop: what must hold between its services, read from their databases.
//! [`ballet_ops::audit`] checks what only the databases and the broker show.
//!
//! What must hold at any moment, such as a stock that adds up, is always checked. What must hold
//! for a quiescent order is checked only for orders that have not changed for a while; the others
//! are listed as open. A service whose database does not answer is named, and the others are judged.

mod carts;
mod judge;
mod learned;
#[cfg(test)]
mod made_up;
mod prices;
mod published;
mod read;
mod rows;

use std::collections::BTreeMap;

use jiff::SignedDuration;

pub use ballet_ops::audit::Report;
pub use published::{Published, unlike_published};
pub use read::{products, received};

/// Reads and checks everything beside what [`ballet_ops::audit`] has found before: an order whose saga waits
/// for something is not at its end, and what a person did outside of the system is in no row. `databases` has
/// the URL of each service's database. An order is quiescent when it is completed or cancelled and has not
/// changed for `quiescent_after`. A service whose database cannot be read is [away](Report::away).
pub async fn audit_beside(
    framework: &Report,
    databases: &BTreeMap<String, String>,
    quiescent_after: SignedDuration,
) -> Report {
    let snapshot = Box::pin(read::read(databases)).await;
    judge::judge(&snapshot, snapshot.read_at - quiescent_after, framework)
}

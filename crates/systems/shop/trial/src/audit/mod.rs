//! The audit of the shop: the invariants between its services, read from their databases. [`ballet_ops::audit`]
//! checks the framework's tables and the broker.
//!
//! Invariants of any moment, for instance that the stock adds up, are always checked. Those of quiescent orders apply
//! only to orders that have not changed for a while; the others are listed as open. A service whose database does not
//! answer is named, and the others are judged.

mod carts;
mod judge;
mod prices;
mod published_products;
mod read;
mod recommendations;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::SignedDuration;

pub use ballet_ops::audit::Report;
pub use published_products::{PublishedProducts, unlike_published};
pub use read::{products, received};

/// Reads the shop and checks it together with the earlier result of [`ballet_ops::audit`]: an order whose saga
/// waits is not at its end, and a manual compensation is in no row. `databases` has the URL of each service's
/// database. An order is quiescent when it is completed or cancelled and has not changed for `quiescent_after`. A
/// service whose database cannot be read is [away](Report::away).
pub async fn audit_beside(
    framework: &Report,
    databases: &BTreeMap<String, String>,
    quiescent_after: SignedDuration,
) -> Report {
    let snapshot = Box::pin(read::read(databases)).await;
    judge::judge(&snapshot, snapshot.read_at - quiescent_after, framework)
}

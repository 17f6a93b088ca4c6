//! The audit of the shop: the invariants between its services, read from their databases. [`ballet_ops::audit`]
//! checks the framework's tables and the broker.
//!
//! Invariants of any moment, for instance that the stock adds up, are always checked. Those of quiescent orders apply
//! only to orders that have not changed for a while; the others are listed as open.

mod carts;
mod judge;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ballet_ops::audit::while_answering;
use jiff::SignedDuration;

pub use ballet_ops::audit::Report;

/// Reads the shop and checks it together with the earlier result of [`ballet_ops::audit`]: an order whose saga
/// waits is not at its end, and a manual compensation is in no row. `databases` has the URL of each service's
/// database. An order is quiescent when it is completed or cancelled and has not changed for `quiescent_after`.
///
/// # Errors
///
/// Returns an error if a database does not answer.
pub async fn audit_beside(
    framework: &Report,
    databases: &BTreeMap<String, String>,
    quiescent_after: SignedDuration,
) -> sqlx::Result<Report> {
    let read = ["orders", "inventory", "payments", "shipping", "cart"];
    let rows = while_answering(databases, &read, rows::read(databases)).await?;
    Ok(judge::judge(&rows, rows.read_at - quiescent_after, framework))
}

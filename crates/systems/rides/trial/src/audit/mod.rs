//! The audit of rides: the rules within and between its services. [`ballet_ops::audit`] checks the framework's
//! tables, copies among them, and the broker.
//!
//! Rules for any moment, such as that a driver is in one ride only, are always checked. A ride that changed recently
//! is listed as open; the rules for a ride at rest do not apply to it.

mod judge;
mod money;
mod rows;

use std::collections::BTreeMap;

use ballet_ops::audit::{Report, while_answering};
use jiff::SignedDuration;

/// Reads and checks the rows of the services. `framework` is the report of [`ballet_ops::audit`]: a ride whose saga
/// waits for something is not at its end. `databases` has the URL of each service's database.
///
/// # Errors
///
/// Returns an error if a database does not answer.
pub async fn audit_beside(
    framework: &Report,
    databases: &BTreeMap<String, String>,
    quiescent_after: SignedDuration,
) -> sqlx::Result<Report> {
    let read = ["dispatch", "location"];
    let rows = while_answering(databases, &read, rows::read(databases)).await?;
    let quiescent_at = rows.read_at - quiescent_after;
    Ok(judge::judge(&rows, quiescent_at, framework))
}

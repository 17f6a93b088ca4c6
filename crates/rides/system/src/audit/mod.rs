//! The audit of rides: what must hold in the rows of its services and between them.
//! [`ballet_ops::audit`] checks what the framework's own tables and the broker show, copies among them.
//!
//! What must hold at any moment, such as that a driver is there for one ride, is always checked. What must hold
//! for a ride that is at rest is checked only for those that have not changed for a while; the others are
//! listed as open.

mod judge;
mod money;
mod rows;

use std::collections::BTreeMap;

use ballet_ops::audit::{Report, while_answering};
use jiff::SignedDuration;

/// Reads and checks everything beside what [`ballet_ops::audit`] has found before: a ride whose saga waits for
/// something is not at its end. `databases` has the URL of each service's database.
///
/// # Errors
///
/// A database does not answer.
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

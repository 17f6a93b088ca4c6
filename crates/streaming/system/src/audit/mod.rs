//! The audit of streaming: what must hold in the rows of its services and between them.
//! [`ballet_ops::audit`] checks what the framework's own tables and the broker show.
//!
//! What must hold at any moment, such as the number of live slots, is always checked. What must hold for a
//! session that is at rest is checked only for those that have not changed for a while; the others are
//! listed as open.

mod databases;
mod judge;
mod rows;

use ballet_ops::audit::Report;
use jiff::SignedDuration;

pub use databases::Databases;

/// Reads and checks everything beside what [`ballet_ops::audit`] has found before: a session whose saga
/// waits for something is not at its end.
///
/// # Errors
///
/// A database does not answer.
pub async fn audit_beside(
    framework: &Report,
    databases: Databases<'_>,
    quiescent_after: SignedDuration,
) -> sqlx::Result<Report> {
    let rows = rows::read(databases).await?;
    let quiescent_at = rows.read_at - quiescent_after;
    Ok(judge::judge(&rows, quiescent_at, framework))
}

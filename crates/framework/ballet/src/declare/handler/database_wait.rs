//! Waits for the database, and takes its errors for failures.

use ballet_store::database::connection::{ANSWERED, PATIENT, silent};

use crate::declare::handler::failure::Failure;

/// Waits for the database. After a time limit the connection counts as lost.
pub(crate) async fn answered<T, E: Into<Failure>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    // Does not call `in_time`, since each nested future makes the outer one larger.
    match tokio::time::timeout(ANSWERED, statements).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(silent().into()),
    }
}

/// Like [`answered`], in a transaction that may last for minutes.
pub(crate) async fn patiently<T, E: Into<Failure>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENT, statements).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(silent().into()),
    }
}

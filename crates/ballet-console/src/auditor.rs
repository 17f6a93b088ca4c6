//! The audit that the command provides.

use std::fmt;

use ballet_ops::audit::Report;
use futures_util::future::BoxFuture;

/// Audits the running system with the functions of the command.
pub trait Auditor: fmt::Debug + Send + Sync {
    /// Returns the findings of `ballet audit`.
    fn audit(&self) -> BoxFuture<'_, Result<Report, String>>;
}

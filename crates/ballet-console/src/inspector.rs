//! The view of the running system that the command provides, since it knows the broker's management API.

use std::fmt;

use ballet_ops::audit::Report;
use ballet_ops::finding::Finding;
use futures_util::future::BoxFuture;

/// Examines the running system with the functions of the command.
pub trait Inspector: fmt::Debug + Send + Sync {
    /// Returns the findings of `ballet doctor`, the worst first, or why there are none.
    fn findings(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>>;

    /// Returns the findings on the broker's nodes and its topology, which are fast.
    fn broker(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>>;

    /// Returns the findings of `ballet audit`.
    fn audit(&self) -> BoxFuture<'_, Result<Report, String>>;
}

//! What the console has somebody else find out: the command, which knows the broker's management API.

use std::fmt;

use ballet_ops::audit::Report;
use ballet_ops::finding::Finding;
use futures_util::future::BoxFuture;

/// Looks at the running system, by the functions of the command.
pub trait Looks: fmt::Debug + Send + Sync {
    /// What `ballet doctor` finds, what is worst first; or why nothing can be found.
    fn findings(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>>;

    /// What of it is about the broker's nodes and its topology, which is found soon.
    fn broker(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>>;

    /// What `ballet audit` finds.
    fn audit(&self) -> BoxFuture<'_, Result<Report, String>>;
}

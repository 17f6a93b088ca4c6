//! The checks that a console has this command make: findings and audits.

use ballet_console::Inspector;
use ballet_ops::audit::Report;
use ballet_ops::finding::Finding;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use crate::base::exit::error_text;
use crate::base::options::GlobalOptions;
use crate::operator::{audit, doctor};

/// Looks with the functions of the other commands.
#[derive(Debug)]
pub(crate) struct CommandInspector {
    options: GlobalOptions,
    /// The broker's management API, if it is not that of the environment.
    management_url: Option<String>,
}

impl CommandInspector {
    pub(crate) const fn new(options: GlobalOptions, management_url: Option<String>) -> Self {
        Self { options, management_url }
    }
}

impl Inspector for CommandInspector {
    fn findings(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>> {
        Box::pin(async {
            let found = doctor::findings(self.management_url.as_ref(), &self.options).await;
            found.map_err(|error| error_text(&error))
        })
    }

    fn broker(&self) -> BoxFuture<'_, Result<Vec<Finding>, String>> {
        Box::pin(async {
            let found = doctor::of_broker(self.management_url.as_ref(), &self.options).await;
            found.map_err(|error| error_text(&error))
        })
    }

    fn audit(&self) -> BoxFuture<'_, Result<Report, String>> {
        Box::pin(async {
            let quiescent_after = SignedDuration::from_secs(audit::QUIESCENT_AFTER.into());
            let address = self.management_url.as_ref();
            let report = audit::report(address, quiescent_after, &self.options).await;
            report.map_err(|error| error_text(&error))
        })
    }
}

//! The audit that a console has this command make.

use ballet_console::Auditor;
use ballet_ops::audit::Report;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use crate::base::exit::error_text;
use crate::base::options::GlobalOptions;
use crate::operator::audit;

/// Audits with the function of the command.
#[derive(Debug)]
pub(crate) struct CommandAuditor {
    options: GlobalOptions,
    /// The broker's management API, if it is not that of the environment.
    management_url: Option<String>,
}

impl CommandAuditor {
    pub(crate) const fn new(options: GlobalOptions, management_url: Option<String>) -> Self {
        Self { options, management_url }
    }
}

impl Auditor for CommandAuditor {
    fn audit(&self) -> BoxFuture<'_, Result<Report, String>> {
        Box::pin(async {
            let quiescent_after = SignedDuration::from_secs(audit::QUIESCENT_AFTER.into());
            let address = self.management_url.as_ref();
            let report = audit::report(address, quiescent_after, &self.options).await;
            report.map_err(|error| error_text(&error))
        })
    }
}

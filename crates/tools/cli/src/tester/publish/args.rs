//! The options of `ballet publish`.

use std::path::PathBuf;

use ballet::core::SagaId;

/// The events to publish, and the properties that they lack.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file: one message, a JSON array of them, or one on each line; `-` is standard input
    pub(super) file: PathBuf,
    /// The file holds bare bodies of this event, not messages with `type` and `body`
    #[arg(long = "type", value_name = "EVENT")]
    pub(super) event: Option<String>,
    /// The publisher of messages that name none
    #[arg(long, value_name = "PRODUCER")]
    pub(super) app_id: Option<String>,
    /// The saga of messages that name none
    #[arg(long, value_name = "ID")]
    pub(super) saga: Option<SagaId>,
    /// Only say what would be published, or what is wrong
    #[arg(long)]
    pub(super) dry_run: bool,
}

//! The options of every command that sends messages.

use ballet_ops::redrive::{Progress, RedriveOptions, Stop};
use clap::Args;

use crate::base::options::GlobalOptions;
use crate::operator::dlq::note::NoteArgs;

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Send at most this many per second [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    note_args: NoteArgs,
}

impl SendArgs {
    pub(crate) fn redrive_options<'a>(
        &self,
        options: &GlobalOptions,
        stop: Stop,
        progress: Progress<'a>,
    ) -> RedriveOptions<'a> {
        let redrive_options = self.note_args.redrive_options(options, stop, progress);
        RedriveOptions { rate: self.rate, ..redrive_options }
    }
}

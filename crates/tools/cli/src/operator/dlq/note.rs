//! A note on an act on messages or sagas: by whom, when and why.

use anyhow::Result;
use ballet_ops::redrive::{Note, Progress, RedriveOptions, Stop};
use clap::Args;

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;

#[derive(Debug, Clone, Args)]
pub(crate) struct NoteArgs {
    /// The person who does it [default: you, on this machine]
    #[arg(long, env = "BALLET_OPERATOR", value_name = "NAME", help_heading = "Record")]
    by: Option<String>,
    /// The reason
    #[arg(long, value_name = "TEXT", help_heading = "Record")]
    why: Option<String>,
}

impl NoteArgs {
    pub(crate) fn note(&self, options: &GlobalOptions) -> Note {
        let at = options.clock.now();
        Note { by: self.by.clone().unwrap_or_else(you), why: self.why.clone(), at }
    }

    /// `ask` is the error's text if no reason is given.
    pub(crate) fn note_with_reason(&self, ask: &str, options: &GlobalOptions) -> Result<Note> {
        let note = self.note(options);
        match note.why.as_deref().map(str::trim) {
            None | Some("") => Err(usage(format!("{ask}: --why TEXT"))),
            Some(_) => Ok(note),
        }
    }

    pub(crate) fn redrive_options<'a>(
        &self,
        options: &GlobalOptions,
        stop: Stop,
        progress: Progress<'a>,
    ) -> RedriveOptions<'a> {
        let note = self.note(options);
        let run_id = options.clock.new_id(note.at);
        RedriveOptions { note, run_id, rate: None, beyond_memory: false, stop, progress }
    }
}

fn you() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let user = user.unwrap_or_else(|_| "somebody".to_owned());
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}

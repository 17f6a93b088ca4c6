//! `ballet completions` and `ballet man`: the command described for a shell and for `man`.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Command;
use clap_complete::Shell;

use crate::base::exit::ExitStatus;
use crate::base::ui;

pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  ballet completions bash > ~/.local/share/bash-completion/completions/ballet
  ballet completions zsh > ~/.zfunc/_ballet
  ballet completions fish > ~/.config/fish/completions/ballet.fish";

pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  ballet man | man -l -
  ballet man ~/.local/share/man/man1";

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, instead of one page to standard output
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ballet", &mut script);
    write(&script)
}

pub(crate) fn man(args: &ManArgs, command: Command) -> Result<ExitStatus> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return write(&page);
    };
    let context = || format!("cannot write the pages to {}", dir.display());
    fs::create_dir_all(dir).with_context(context)?;
    clap_mangen::generate_to(command, dir).with_context(context)?;
    ui::say(&format!("the pages are in {}", dir.display()));
    Ok(ExitStatus::All)
}

/// Writes to standard output. A reader that goes away early is no error.
fn write(bytes: &[u8]) -> Result<ExitStatus> {
    match io::stdout().write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitStatus::All),
    }
}

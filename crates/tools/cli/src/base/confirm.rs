//! Confirms a loss.

use anyhow::{Result, bail};
use ballet_ops::terminal::{ask, is_interactive};

use crate::base::exit::usage;

/// The user types this word, unless `--yes` is given. `verb` is the act, such as `delete`.
pub(crate) fn confirm(yes: bool, verb: &str, question: &str, word: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(usage(format!(
            "there is no terminal to ask on: give --yes to {verb} without confirmation"
        )));
    }
    if ask(&format!("{question} Type `{word}`:"))? != word {
        bail!("nothing was {}ed", verb.trim_end_matches('e'));
    }
    Ok(())
}

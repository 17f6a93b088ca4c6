//! The user's command that gives services their data from before the recording.

use std::io::stderr;
use std::process::Stdio;

use anyhow::{Result, bail};
use ballet_stage::Children;

use crate::base::ui;

/// Prints to standard error, as standard output has the differences.
pub(crate) async fn run(
    children: &Children,
    command: &str,
    variables: &[(String, String)],
) -> Result<()> {
    ui::say("preparing the services");
    let args = ["-c".to_owned(), command.to_owned()];
    let mut child = children
        .start("sh", &args, |shell| {
            shell.envs(variables.iter().map(|(name, value)| (name, value)));
            shell.stdout(Stdio::from(stderr()));
        })
        .await?;
    let status = child.wait().await?;
    if !status.success() {
        bail!("the services could not be prepared: `{command}` ended with {status}");
    }
    Ok(())
}

//! The animated picture of a rollback on the first page: the saga that `cargo run -p hello` has drawn in README, whose
//! lines a test of `hello` compares with a run.

use anyhow::{Context, Result};
use ballet_ops::terminal::picture;

/// The picture's path in the workspace.
pub(crate) const FILE: &str = "docs/rollback.svg";
const COMMAND: &str = "$ cargo run -p hello\n";

/// Draws the lanes on a page, which follow the command that draws them.
pub(crate) fn svg(page: &str) -> Result<String> {
    let after = page.split_once(COMMAND).map(|(_, after)| after);
    let lanes = after.and_then(|after| after.split("```").next());
    let lanes = lanes.with_context(|| format!("README has no block with {COMMAND}"))?;
    picture::svg(lanes, "A saga that is refused and compensated").map_err(anyhow::Error::msg)
}

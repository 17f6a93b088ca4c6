//! `ballet mcp`: the command as tools of a coding or operating agent, over the Model Context Protocol.

mod answer;
mod call;
mod schema;
mod server;
mod texts;
mod tools;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio;

use crate::agent::server::AgentServer;
use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet mcp
  ballet mcp --contracts docs/contracts/shop
  ballet mcp --allow-acts --archive /var/lib/ballet

An agent's program starts it, talks to it over standard input and output, and ends it by closing the input. Each tool
is a subcommand: it takes its options, and answers with the rows that it prints with -o json. Values about persons are
masked. Without --allow-acts nothing can be changed. With it, an act is a dry run unless dry_run is false; then it
needs a person and a reason, and is recorded where the subcommand records it.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also offer the tools that change the system
    #[arg(long)]
    allow_acts: bool,
    /// The folder to which discarded dead letters are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    archive: PathBuf,
}

/// Serves one client, until it closes the input.
pub(crate) async fn run(args: Args, options: &GlobalOptions) -> Result<ExitStatus> {
    // Escape sequences would be part of an answer.
    console::set_colors_enabled(false);
    console::set_colors_enabled_stderr(false);
    let server = AgentServer::new(options.clone(), args.archive, args.allow_acts);
    let serving = match server.serve(stdio()).await {
        Ok(serving) => serving,
        // The client went away before it said a word.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(ExitStatus::All),
        Err(error) => return Err(error).context("the client does not speak MCP"),
    };
    serving.waiting().await.context("the server has failed")?;
    Ok(ExitStatus::All)
}

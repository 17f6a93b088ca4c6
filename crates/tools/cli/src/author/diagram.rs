//! `ballet diagram`: draws a saga.

use anyhow::Result;
use ballet::core::Graph;
use ballet_check::lanes;

use crate::base::exit::{ExitStatus, usage};
use crate::base::systems::contracts;
use crate::base::ui;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet diagram > saga.svg
  ballet diagram order_fulfillment > saga.svg";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The saga [default: the only one]
    saga: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus> {
    let graph = Graph::new(contracts()?.system().clone());
    let sagas: Vec<&str> = graph.sagas().into_iter().collect();
    let saga = match (&args.saga, &sagas[..]) {
        (Some(named), _) if sagas.contains(&named.as_str()) => named.as_str(),
        (None, [only]) => only,
        (_, []) => return Err(usage("there is no saga in these contracts")),
        (Some(named), all) => {
            return Err(usage(format!("there is no saga {named}: there is {}", all.join(", "))));
        }
        (None, all) => return Err(usage(format!("name one of the sagas: {}", all.join(", ")))),
    };
    ui::print(lanes::svg(&graph, saga).trim_end());
    Ok(ExitStatus::All)
}

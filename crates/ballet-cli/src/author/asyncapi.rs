//! `ballet asyncapi`: the AsyncAPI document of a system, or of one of its services.

use anyhow::Result;
use ballet_check::asyncapi;

use crate::base::exit::{ExitStatus, usage};
use crate::base::systems::contracts;
use crate::base::ui;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet asyncapi > shop.json
  ballet asyncapi --service payments > payments.json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what this service sends and receives
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus> {
    let contracts = contracts()?;
    let (system, all) = (contracts.system(), contracts.contracts());
    let document = match &args.service {
        None => asyncapi::of_system(system, all),
        Some(service) => asyncapi::of_service(system, all, service).ok_or_else(|| {
            usage(format!(
                "{} has no service {service}: it has {}",
                system.name,
                system.parts.iter().map(|part| part.service).collect::<Vec<_>>().join(", ")
            ))
        })?,
    };
    ui::raw(document.trim_end());
    Ok(ExitStatus::All)
}

//! Runs one service of one contestant as a process of its own.

use std::process::ExitCode;

use bench::contestants::contestant::Contestant;
use bench::contestants::{ceiling, handlers, twin};
use bench::saga4::contract::SERVICES;
use clap::Parser;

/// One service of one contestant.
#[derive(Debug, Parser)]
struct Args {
    /// The contestant.
    contestant: Contestant,
    /// The service.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
    service: String,
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match args.contestant {
        Contestant::Ballet
        | Contestant::BalletPacks
        | Contestant::BalletBulk
        | Contestant::BalletBulkPacks => ballet::main(|args: Args| {
            let service = handlers::service(&args.service, args.contestant.form());
            (args.ballet, service.unwrap_or_else(|| unreachable!("clap knows the services")))
        }),
        Contestant::Twin
        | Contestant::Ceiling
        | Contestant::CeilingPacks
        | Contestant::CeilingBulk
        | Contestant::CeilingBulkPacks => match handwritten(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

#[tokio::main]
async fn handwritten(args: &Args) -> anyhow::Result<()> {
    let (amqp_url, database_url) = (args.ballet.amqp_url()?, args.ballet.database_url()?);
    let service = SERVICES.into_iter().find(|service| *service == args.service);
    let service = service.unwrap_or_default();
    match args.contestant {
        Contestant::Twin => twin::run(service, &amqp_url, &database_url).await,
        ceiling => Box::pin(ceiling::run(service, &amqp_url, &database_url, ceiling.form())).await,
    }
}

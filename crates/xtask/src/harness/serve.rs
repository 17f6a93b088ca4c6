//! Runs a service of the shop, or the gateway, in this program, so that a run needs no other build.

use std::process::ExitCode;

use clap::Parser;
use orders::config::OrderSettings;
use payments::config::ProviderSettings;
use shipping::config::CarrierSettings;

use crate::harness::clock::clock;
use crate::harness::slow_carrier::SlowCarrier;
use crate::ui;

/// The variable that names the service to run.
pub(crate) const SERVICE: &str = "XTASK_SERVICE";

/// The gateway's name in that variable.
pub(crate) const GATEWAY: &str = "gateway";

#[derive(Debug, Parser)]
struct Plain {
    #[command(flatten)]
    ballet: ballet::Settings,
}

#[derive(Debug, Parser)]
struct Orders {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    orders: OrderSettings,
}

#[derive(Debug, Parser)]
struct Payments {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    provider: ProviderSettings,
}

#[derive(Debug, Parser)]
struct Shipping {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    carrier: CarrierSettings,
}

/// Does what the service's own program does.
pub(crate) fn run(service: &str) -> ExitCode {
    match service {
        "orders" => ballet::main(|args: Orders| {
            let service = orders::service(args.orders);
            (args.ballet, service.clock(clock()))
        }),
        "cart" => ballet::main(|args: Plain| (args.ballet, cart::service().clock(clock()))),
        "catalog" => ballet::main(|args: Plain| (args.ballet, catalog::service().clock(clock()))),
        "inventory" => {
            ballet::main(|args: Plain| (args.ballet, inventory::service().clock(clock())))
        }
        "payments" => ballet::main(|args: Payments| {
            let provider = args.provider.sandbox(&args.ballet);
            (args.ballet, payments::service(provider).clock(clock()))
        }),
        "recommendations" => {
            ballet::main(|args: Plain| (args.ballet, recommendations::service().clock(clock())))
        }
        "shipping" => ballet::main(|args: Shipping| {
            let clock = clock();
            let carrier = SlowCarrier::new(clock.clone(), args.carrier.sandbox());
            (args.ballet, shipping::service(carrier).clock(clock))
        }),
        GATEWAY => ballet_gateway::main(std::env::args_os()),
        unknown => {
            ui::say(&format!("{SERVICE} is {unknown}, but the shop has no such service"));
            ExitCode::FAILURE
        }
    }
}

//! The services of the shop, as this program runs them.

use ballet_trials::ServiceProgram;
use cart::config::CartSettings;
use clap::Parser;
use common::cards::ProviderSettings;
use orders::config::{DEADLINE, OrderSettings};
use shipping::config::CarrierSettings;

use crate::load::slow_carrier::SlowCarrier;

#[derive(Debug, Parser)]
struct CartArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    cart: CartSettings,
}

#[derive(Debug, Parser)]
struct OrdersArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    orders: OrderSettings,
}

#[derive(Debug, Parser)]
struct PaymentsArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    provider: ProviderSettings,
}

#[derive(Debug, Parser)]
struct ShippingArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    carrier: CarrierSettings,
}

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let (provider, carrier) =
        (common::cards::Sandbox::default(), shipping::sandbox::Sandbox::default());
    vec![
        ServiceProgram::with(cart::participant().part(), |args: CartArgs, clock| {
            (args.ballet, cart::service(args.cart).clock(clock))
        }),
        ServiceProgram::of(catalog::service),
        ServiceProgram::of(inventory::service),
        ServiceProgram::with(orders::participant(DEADLINE).part(), |args: OrdersArgs, clock| {
            (args.ballet, orders::service(args.orders).clock(clock))
        }),
        ServiceProgram::with(
            payments::participant(provider).part(),
            |args: PaymentsArgs, clock| {
                let provider = args.provider.sandbox(&args.ballet);
                (args.ballet, payments::service(provider).clock(clock))
            },
        ),
        ServiceProgram::of(recommendations::service),
        ServiceProgram::with(shipping::participant(carrier).part(), |args: ShippingArgs, clock| {
            let carrier = SlowCarrier::new(clock.clone(), args.carrier.sandbox());
            (args.ballet, shipping::service(carrier).clock(clock))
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_shop() {
        let parts: Vec<_> = services().into_iter().map(|service| service.part).collect();
        assert_eq!(parts, crate::system::system().parts);
    }
}

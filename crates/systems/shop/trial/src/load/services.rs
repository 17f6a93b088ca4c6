//! The services of the shop, as this program runs them.

use ballet_trials::ServiceProgram;
use cart::config::CartSettings;
use clap::Parser;
use common::cards::ProviderSettings;
use orders::config::{DEADLINE, OrderSettings};
use shipping::config::CarrierSettings;

use crate::load::slow_carrier::SlowCarrier;

/// The settings of a service: those of every service, and its own.
#[derive(Debug, Parser)]
struct With<Own: clap::Args> {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    own: Own,
}

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let (provider, carrier) =
        (common::cards::Sandbox::default(), shipping::sandbox::Sandbox::default());
    vec![
        ServiceProgram::with(
            cart::Carts(CartSettings::default()).participant().part(),
            |args: With<CartSettings>, clock| {
                (args.ballet, cart::Carts(args.own).service().clock(clock))
            },
        ),
        ServiceProgram::of(catalog::Catalog::service),
        ServiceProgram::of(inventory::Inventory::service),
        ServiceProgram::with(
            orders::Orders(DEADLINE.into()).participant().part(),
            |args: With<OrderSettings>, clock| {
                (args.ballet, orders::Orders(args.own).service().clock(clock))
            },
        ),
        ServiceProgram::with(
            payments::Payments::new(provider).participant().part(),
            |args: With<ProviderSettings>, clock| {
                let provider = args.own.sandbox(&args.ballet);
                (args.ballet, payments::Payments::new(provider).service().clock(clock))
            },
        ),
        ServiceProgram::of(recommendations::Recommendations::service),
        ServiceProgram::with(
            shipping::Shipping::new(carrier).participant().part(),
            |args: With<CarrierSettings>, clock| {
                let carrier = SlowCarrier::new(clock.clone(), args.own.sandbox());
                (args.ballet, shipping::Shipping::new(carrier).service().clock(clock))
            },
        ),
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

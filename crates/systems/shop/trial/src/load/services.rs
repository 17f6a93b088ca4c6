//! The services of the shop, as this program runs them.

use ballet::Clock;
use ballet_trials::ServiceProgram;
use cart::config::CartSettings;
use common::cards::ProviderSettings;
use orders::config::{DEADLINE, OrderSettings};
use shipping::config::CarrierSettings;

use crate::load::slow_carrier::SlowCarrier;

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let (provider, carrier) =
        (common::cards::Sandbox::default(), shipping::sandbox::Sandbox::default());
    vec![
        ServiceProgram::with(&cart::participant(), |own: CartSettings, _, clock| {
            cart::service(own).clock(clock)
        }),
        ServiceProgram::of(catalog::service),
        ServiceProgram::of(inventory::service),
        ServiceProgram::with(&orders::participant(DEADLINE), |own: OrderSettings, _, clock| {
            orders::service(own).clock(clock)
        }),
        ServiceProgram::with(
            &payments::participant(provider),
            |own: ProviderSettings, ballet, clock| {
                payments::service(own.sandbox(ballet)).clock(clock)
            },
        ),
        ServiceProgram::of(recommendations::service),
        ServiceProgram::with(
            &shipping::participant(carrier),
            |own: CarrierSettings, _, clock: Clock| {
                let carrier = SlowCarrier::new(clock.clone(), own.sandbox());
                shipping::service(carrier).clock(clock)
            },
        ),
    ]
}

//! The services of the shop, as this program runs them.

use ballet_trials::ServiceProgram;
use cart::Carts;
use cart::config::CartSettings;
use catalog::Catalog;
use common::cards::ProviderSettings;
use inventory::Inventory;
use orders::Orders;
use orders::config::{DEADLINE, OrderSettings};
use payments::Payments;
use recommendations::Recommendations;
use shipping::Shipping;
use shipping::config::CarrierSettings;

/// Each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let (provider, carrier) =
        (common::cards::Sandbox::default(), shipping::sandbox::Sandbox::default());
    vec![
        ServiceProgram::with(
            &Carts(CartSettings::default()).participant(),
            |own: CartSettings, _| Carts(own).service(),
        ),
        ServiceProgram::of(Catalog::service),
        ServiceProgram::of(Inventory::service),
        ServiceProgram::with(&Orders(DEADLINE.into()).participant(), |own: OrderSettings, _| {
            Orders(own).service()
        }),
        ServiceProgram::with(
            &Payments::new(provider).participant(),
            |own: ProviderSettings, ballet| Payments::new(own.sandbox(ballet)).service(),
        ),
        ServiceProgram::of(Recommendations::service),
        ServiceProgram::with(&Shipping::new(carrier).participant(), |own: CarrierSettings, _| {
            Shipping::new(own.sandbox()).service()
        }),
    ]
}

//! The settings of the service `cart`.

use clap::Args;
use shop_events::access::unpaid::UnpaidLimit;

/// The settings of cart, besides those of every service.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct CartSettings {
    /// The bound on the stock in one customer's unpaid checkouts.
    #[command(flatten)]
    pub unpaid: UnpaidLimit,
}

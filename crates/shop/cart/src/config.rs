//! The settings of the service `cart`.

use clap::Args;
use shop_access::unpaid::Unpaid;

/// The settings of cart, besides those of every service.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct CartSettings {
    /// What the checkouts of one customer may have before they are paid.
    #[command(flatten)]
    pub unpaid: Unpaid,
}

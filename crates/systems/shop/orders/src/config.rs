//! The settings of the service `orders`.

use ballet::openapi::WatchLimits;
use clap::Args;
use jiff::SignedDuration;
use shop_events::access::unpaid::UnpaidLimit;

/// The default time within which an order must be paid.
pub const DEADLINE: SignedDuration = SignedDuration::from_mins(15);

/// The settings of orders, besides those of every service.
#[derive(Debug, Clone, Copy, Args)]
pub struct OrderSettings {
    /// The seconds within which an order must be paid. Then it is cancelled.
    #[arg(long, env = "ORDER_DEADLINE_SECONDS", default_value_t = DEADLINE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=30 * 24 * 60 * 60))]
    pub order_deadline_seconds: i64,

    /// The most clients that watch orders at a time. Further ones are answered with 503.
    #[arg(long, env = "ORDER_WATCHERS", default_value_t = WatchLimits::DEFAULT.all, value_name = "CLIENTS")]
    pub order_watchers: u16,

    /// The most clients of one customer that watch orders at a time. Further ones are answered with 429.
    #[arg(long, env = "ORDER_WATCHERS_OF_ONE", default_value_t = WatchLimits::DEFAULT.owner, value_name = "CLIENTS", value_parser = clap::value_parser!(u16).range(1..))]
    pub order_watchers_of_one: u16,

    /// The bound on the stock in one customer's unpaid orders.
    #[command(flatten)]
    pub unpaid: UnpaidLimit,
}

impl From<SignedDuration> for OrderSettings {
    /// Returns the default settings with this deadline.
    fn from(deadline: SignedDuration) -> Self {
        Self {
            order_deadline_seconds: deadline.as_secs(),
            order_watchers: WatchLimits::DEFAULT.all,
            order_watchers_of_one: WatchLimits::DEFAULT.owner,
            unpaid: UnpaidLimit::default(),
        }
    }
}

impl OrderSettings {
    pub(crate) const fn watchers(&self) -> WatchLimits {
        WatchLimits { all: self.order_watchers, owner: self.order_watchers_of_one }
    }

    /// The time within which an order must be paid.
    #[must_use]
    pub const fn deadline(&self) -> SignedDuration {
        SignedDuration::from_secs(self.order_deadline_seconds)
    }
}

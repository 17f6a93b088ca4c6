//! The ids of rides.

use ballet_core::ids;

ids! {
    /// A driver.
    DriverId,
    /// A quoted price.
    QuoteId,
    /// A ride. It is also the id of the ride's saga.
    RideId,
    /// A person who is driven.
    RiderId,
}

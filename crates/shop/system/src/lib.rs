//! The shop as a whole: its choreography, read from the declarations of its services, and the
//! [`audit`] of what must hold between them.

#![warn(missing_docs)]

pub mod audit;

use ballet_core::{Graph, System};

/// The declarations of all services of the shop. No service runs.
#[must_use]
pub fn system() -> System {
    let services = [
        catalog::participant(),
        inventory::participant(),
        orders::participant(orders::config::DEADLINE),
        payments::participant(payments::sandbox::Sandbox::default()),
        shipping::participant(shipping::sandbox::Sandbox::default()),
    ];
    System { name: "shop", parts: services.iter().map(|service| service.part()).collect() }
}

/// Who triggers whom in the shop.
#[must_use]
pub fn graph() -> Graph {
    Graph::new(system())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shop_is_a_sound_choreography() {
        assert_eq!(graph().problems(), []);
    }
}

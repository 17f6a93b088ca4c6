//! The declarations of the services of the shop, together.

use ballet::openapi::Document;
use ballet_core::{Graph, ServiceContract, System};

use crate::load::services::services;

/// Returns the declarations of all services of the shop. No service runs.
#[must_use]
pub fn system() -> System {
    System { name: "shop", parts: services().into_iter().map(|service| service.part).collect() }
}

/// Returns the contracts of all services of the shop.
#[must_use]
pub fn contracts() -> Vec<ServiceContract> {
    services().into_iter().map(|service| service.contract).collect()
}

/// Returns the names of the services with the OpenAPI documents of their HTTP routes.
#[must_use]
pub fn documents() -> Vec<(&'static str, Document)> {
    vec![
        ("cart", cart::openapi()),
        ("catalog", catalog::openapi()),
        ("inventory", inventory::openapi()),
        ("orders", orders::openapi()),
        ("payments", payments::openapi()),
        ("recommendations", recommendations::openapi()),
        ("shipping", shipping::openapi()),
    ]
}

/// Returns the graph of the shop's events and services.
#[must_use]
pub fn graph() -> Graph {
    Graph::new(system())
}

#[cfg(test)]
mod tests {
    use ballet_testkit::openapi::lint;
    use ballet_testkit::{assert_contracts_say_all, assert_described, assert_sound};

    use super::*;

    #[test]
    fn the_shop_is_a_sound_choreography() {
        assert_sound(&system());
    }

    #[test]
    fn the_contracts_say_all_that_the_code_declares() {
        assert_contracts_say_all(&contracts(), &system());
    }

    #[test]
    fn every_route_is_described() {
        assert_described(&documents(), &system());
    }

    #[test]
    fn clients_can_be_generated_for_the_whole_shop() {
        let text = include_str!("../../../../../docs/openapi/shop.json");
        let document = serde_json::from_str(text).expect("JSON");
        assert_eq!(lint(&document), [""; 0]);
    }
}

//! The declarations of the services of rides, together.

use ballet::openapi::Document;
use ballet_core::{ServiceContract, System};
use dispatch::Dispatch;
use location::Location;
use riders::Riders;

use crate::load::services::services;

/// Returns the declarations of all services of rides. No service runs.
#[must_use]
pub fn system() -> System {
    System { name: "rides", parts: services().into_iter().map(|service| service.part).collect() }
}

/// Returns the contracts of all services of rides.
#[must_use]
pub fn contracts() -> Vec<ServiceContract> {
    services().into_iter().map(|service| service.contract).collect()
}

/// Returns the names of the services with the OpenAPI documents of their HTTP routes.
#[must_use]
pub fn documents() -> Vec<(&'static str, Document)> {
    vec![
        ("dispatch", Dispatch::openapi()),
        ("location", Location::openapi()),
        ("riders", Riders::openapi()),
    ]
}

#[cfg(test)]
mod tests {
    use ballet_testkit::{assert_contracts_say_all, assert_described, assert_sound};

    use super::*;

    #[test]
    fn rides_is_a_sound_choreography() {
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
}

//! The declarations of the services of rides, together.

use std::sync::Arc;

use ballet::Participant;
use ballet_core::{ServiceContract, System};
use ballet_openapi::Document;
use common::cards::Sandbox;
use dispatch::Dispatch;
use dispatch::config::DispatchSettings;
use location::Location;
use location::config::LocationSettings;
use riders::Riders;

/// Returns the declarations of all services of rides. No service runs.
#[must_use]
pub fn system() -> System {
    System { name: "rides", parts: participants().iter().map(Participant::part).collect() }
}

/// Returns the contracts of all services of rides.
#[must_use]
pub fn contracts() -> Vec<ServiceContract> {
    participants().iter().map(Participant::contract).collect()
}

fn participants() -> [Participant; 3] {
    [
        Dispatch::new(DispatchSettings::default(), Arc::new(Sandbox::default())).participant(),
        Location::new(LocationSettings::default()).participant(),
        Riders::participant(),
    ]
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

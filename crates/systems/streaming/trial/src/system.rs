//! The declarations of the services of streaming, together.

use accounts::Accounts;
use analytics::Analytics;
use ballet::Participant;
use ballet_core::{ServiceContract, System};
use ballet_openapi::Document;
use playback::Playback;
use playback::config::PlaybackSettings;
use titles::Titles;

/// Returns the declarations of all services of streaming. No service runs.
#[must_use]
pub fn system() -> System {
    System { name: "streaming", parts: participants().iter().map(Participant::part).collect() }
}

/// Returns the contracts of all services of streaming.
#[must_use]
pub fn contracts() -> Vec<ServiceContract> {
    participants().iter().map(Participant::contract).collect()
}

fn participants() -> [Participant; 4] {
    [
        Accounts::participant(),
        Analytics::participant(),
        Playback { settings: PlaybackSettings::default() }.participant(),
        Titles::participant(),
    ]
}

/// Returns the names of the services with the OpenAPI documents of their HTTP routes.
#[must_use]
pub fn documents() -> Vec<(&'static str, Document)> {
    vec![
        ("accounts", accounts::openapi()),
        ("analytics", analytics::openapi()),
        ("playback", playback::openapi()),
        ("titles", titles::openapi()),
    ]
}

#[cfg(test)]
mod tests {
    use ballet_testkit::{assert_contracts_say_all, assert_described, assert_sound};

    use super::*;

    #[test]
    fn streaming_is_a_sound_choreography() {
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

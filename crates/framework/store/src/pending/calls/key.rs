//! The key of a call to the outside.

use std::fmt;

use ballet_core::SagaId;
use ballet_core::id::derived_in_saga;
use uuid::Uuid;

/// The idempotency key, by which the other side recognises repeated requests.
///
/// It follows from the service, the saga, the step with its key, and whether the call compensates,
/// so a restored database asks under the same keys as before. Anyone who knows a saga's id can
/// compute a key, so it means something only within our account at the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub Uuid);

/// Tells a call from all others, and is what its key is derived from.
#[derive(Debug, Clone, Copy)]
pub struct CallPurpose<'a> {
    pub service: &'a str,
    pub saga: &'a str,
    pub saga_id: SagaId,
    pub step: &'a str,
    pub step_key: &'a str,
    pub undo: bool,
    /// The number of calls before it for the same.
    pub ordinal: usize,
}

impl CallKey {
    /// The key of the call for this purpose, which is the same whenever it is derived.
    pub fn of(purpose: CallPurpose<'_>) -> Self {
        let CallPurpose { service, saga, saga_id, step, step_key, undo, ordinal } = purpose;
        let direction = if undo { "undo" } else { "do" };
        // No name contains the separator, and the key of the step comes last.
        let text = format!("call\0{service}\0{saga}\0{step}\0{direction}\0{ordinal}\0{step_key}");
        Self(derived_in_saga(saga_id, &text))
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAGA: SagaId = SagaId(Uuid::from_u128(0x0193_f7a0_0000_7000_8000_0000_0000_0001));
    const PURPOSE: CallPurpose<'_> = CallPurpose {
        service: "cars",
        saga: "trip",
        saga_id: SAGA,
        step: "rent_car",
        step_key: "",
        undo: false,
        ordinal: 0,
    };

    #[test]
    fn t204_a_key_follows_from_what_the_call_is_for() {
        let other_saga = SagaId(Uuid::from_u128(SAGA.0.as_u128() + 1));
        let purposes = [
            PURPOSE,
            CallPurpose { service: "trains", ..PURPOSE },
            CallPurpose { saga: "tour", ..PURPOSE },
            CallPurpose { saga_id: other_saga, ..PURPOSE },
            CallPurpose { step: "park_car", ..PURPOSE },
            CallPurpose { step_key: "1", ..PURPOSE },
            CallPurpose { undo: true, ..PURPOSE },
            CallPurpose { ordinal: 1, ..PURPOSE },
        ];
        let keys: Vec<CallKey> = purposes.into_iter().map(CallKey::of).collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at} has the key of another");
        }
        // Databases of every release go on with it.
        assert_eq!(keys[0].to_string(), "0193f7a0-0000-8118-95cb-01a649881b9d");
    }
}

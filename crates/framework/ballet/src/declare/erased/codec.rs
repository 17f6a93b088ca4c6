//! Converts between the types of steps and the JSON that the engine stores.

use ballet_core::{AnyEvent, Event, Trigger};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::json::encoded;
use crate::declare::step::step::Compensated;

/// The longest key of a repetition, in bytes. The ledger's index has no room for much more.
const LONGEST_KEY: usize = 2_000;

pub(crate) fn assemble<T: Trigger>(name: &str, events: Vec<AnyEvent>) -> Result<T, Failure> {
    T::assemble(events).ok_or_else(|| undeclared(name))
}

/// The only event of a step that joins none.
pub(crate) fn single<T: 'static>(name: &str, event: AnyEvent) -> Result<T, Failure> {
    event.downcast::<T>().map(|event| *event).map_err(|_| undeclared(name))
}

fn undeclared(name: &str) -> Failure {
    Failure::permanent(format!("{name} received events that it does not declare"))
}

/// The key of a repetition, if the ledger can hold it. Otherwise no attempt would ever succeed.
pub(crate) fn storable_key(step: &str, key: String) -> Result<String, Failure> {
    if key.contains('\0') {
        return Err(Failure::permanent(format!(
            "the key of {step} for this event has a zero character, which the ledger cannot hold: whoever publishes \
             the event has to leave it out"
        )));
    }
    if key.len() > LONGEST_KEY {
        return Err(Failure::permanent(format!(
            "the key of {step} for this event has {} bytes, and the ledger holds at most {LONGEST_KEY}: a key is \
             short, such as an id",
            key.len()
        )));
    }
    Ok(key)
}

pub(crate) fn encode_json<T: Serialize>(name: &str, value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|why| {
        Failure::permanent(format!("a request or answer of {name} cannot be encoded: {why}"))
    })
}

pub(crate) fn decode_stored<T: DeserializeOwned>(
    name: &str,
    what: &str,
    text: &str,
) -> Result<T, Failure> {
    ballet_core::json::from_slice(text.as_bytes()).map_err(|error| {
        Failure::permanent(format!("the stored {what} of {name} cannot be decoded: {error}"))
    })
}

/// Returns where and why a text is no value of a type: a JSON pointer and the error.
pub(crate) fn misfit<T: DeserializeOwned>(text: &str) -> Option<(String, String)> {
    let mut from = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut from).err()?;
    let place = error.path().iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key: name } | Segment::Enum { variant: name } => format!("/{name}"),
        Segment::Unknown => String::new(),
    });
    Some((place.collect(), error.into_inner().to_string()))
}

pub(crate) fn decode_all<D: Event>(
    name: &str,
    done: Vec<Item<String>>,
) -> Result<Vec<Item<D>>, Failure> {
    let decode = |text: String| decode_stored(name, "outcome", &text);
    done.into_iter().map(|done| done.try_map(decode)).collect()
}

pub(crate) fn encode_outcome<D: Event, R: Event>(
    outcome: Result<D, R>,
) -> Result<AnyOutcome, Failure> {
    Ok(match outcome {
        Ok(event) => AnyOutcome::Done(encoded(&event)?),
        Err(event) => AnyOutcome::Refused(encoded(&event)?),
    })
}

pub(crate) fn encode_compensated<U: Event>(
    undone: Compensated<U>,
) -> Result<AnyCompensated, Failure> {
    Ok(match undone {
        Compensated::With(event) => AnyCompensated::With(encoded(&event)?),
        Compensated::Silently => AnyCompensated::Silently,
    })
}

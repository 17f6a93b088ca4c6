//! Encodes events.

use ballet_core::Event;
use ballet_store::ledger::event::Encoded;

use crate::declare::failure::Failure;
use crate::declare::json;

pub(crate) fn encoded<E: Event>(event: &E) -> Result<Encoded, Failure> {
    let body = json::encode(event)
        .map_err(|why| Failure::permanent(format!("{} cannot be encoded: {why}", E::TYPE)))?;
    Ok(Encoded { event_type: E::TYPE, body: body.into() })
}

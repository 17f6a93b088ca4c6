//! Encodes events.

use ballet_core::Event;
use ballet_store::ledger::event::EncodedEvent;

use crate::declare::handler::failure::Failure;

pub(crate) fn encoded<E: Event>(event: &E) -> Result<EncodedEvent, Failure> {
    let body = serde_json::to_vec(event)
        .map_err(|why| Failure::permanent(format!("{} cannot be encoded: {why}", E::TYPE)))?;
    Ok(EncodedEvent { event_type: E::TYPE, body: body.into() })
}

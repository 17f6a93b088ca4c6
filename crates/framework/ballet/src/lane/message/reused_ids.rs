//! Ids that come again with another body: their publisher gave a used id to something new, which has no
//! effect. The service counts them and names them in its log.

use ballet_core::MessageId;
use ballet_store::inbox::messages::ReceiveResult;

use crate::lane::message::message::{LaneMessage, LaneWork};

/// Whether a message that is not new brings another content than the one that counts: the one that the
/// inbox knows, or else that of an earlier message of the batch.
pub(crate) fn is_reused(works: &[LaneWork], at: usize, received: &ReceiveResult) -> bool {
    let Some(LaneWork::Message(message)) = works.get(at) else { return false };
    let id = message.envelope.message_id;
    let known = received.known.get(&id).copied().or_else(|| in_batch(&works[..at], id));
    known.is_some_and(|known| known != message.content)
}

fn in_batch(works: &[LaneWork], id: MessageId) -> Option<i64> {
    works.iter().find_map(|work| match work {
        LaneWork::Message(message)
            if message.envelope.message_id == id && !message.is_duplicate =>
        {
            Some(message.content)
        }
        LaneWork::Message(_) | LaneWork::Answer(_) => None,
    })
}

/// Tells of such a message.
pub(crate) fn tell(message: &LaneMessage) {
    metrics::counter!("ballet_reused_ids_total").increment(1);
    let publisher = message.envelope.app_id.as_deref().unwrap_or("unknown: there is no `app_id`");
    message.span().in_scope(|| {
        tracing::warn!(
            publisher,
            "a message with another body, or of another type, came under an id that was handled \
             before: it has no effect. Its publisher has to give each message a new `message_id`; \
             if this one is wanted, publish it under a new id"
        );
    });
}

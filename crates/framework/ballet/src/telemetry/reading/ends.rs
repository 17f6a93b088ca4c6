//! Where streams end.

use std::sync::Arc;

use ballet_amqp::{Broker, BrokerError, Delivery, Session};
use ballet_core::topology::TELEMETRY;
use futures_util::future::join_all;

use crate::telemetry::reading::start::about_the_last;

/// How many streams one connection looks at at a time. An empty one takes as long as its pause.
const LOOKS_AT_A_TIME: usize = 16;

/// Looks for the ends of streams, over a connection that is kept while it works.
#[derive(Default)]
pub(super) struct StreamEnds {
    session: Option<Arc<dyn Session>>,
}

impl StreamEnds {
    /// Returns about the last message of each stream, in their order. A missing stream does not
    /// hide the others.
    pub(super) async fn look(
        &mut self,
        broker: &dyn Broker,
        connection: &str,
        streams: &[String],
    ) -> Result<Vec<Result<Option<Delivery>, BrokerError>>, BrokerError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => broker.connect(connection).await?,
        };
        let connected = &*session;
        let mut ends = Vec::with_capacity(streams.len());
        for some in streams.chunks(LOOKS_AT_A_TIME) {
            let found = some.iter().map(|stream| {
                let queue = format!("{TELEMETRY}.{stream}");
                async move { about_the_last(connected, &queue).await }
            });
            ends.extend(join_all(found).await);
        }
        if session.closed().borrow().is_none() {
            self.session = Some(session);
        }
        Ok(ends)
    }
}

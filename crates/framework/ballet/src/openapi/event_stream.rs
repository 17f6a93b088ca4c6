//! An answer that does not end: server-sent events.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::answers::Answers;
use crate::openapi::draft::Draft;

/// The interval of comments while nothing happens. They keep proxies from closing the connection, and show the
/// service that a client is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The header that asks a proxy to pass each event on at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer of server-sent events, each with an id and its data as JSON. The next event is polled when the client
/// has taken the last.
pub struct EventStream<T> {
    events: BoxStream<'static, Result<Event, Infallible>>,
    data: PhantomData<fn() -> T>,
}

impl<T: Serialize> EventStream<T> {
    /// Creates an answer of these events with their ids, which ends when they do.
    pub fn new<Id: fmt::Display>(events: impl Stream<Item = (Id, T)> + Send + 'static) -> Self {
        let written = events.map(|(id, data)| {
            let event = Event::default().id(id.to_string());
            Ok(event.json_data(data).unwrap_or_else(|error| {
                // JSON of our own types can be written; if not, the client sees at least a comment.
                Event::default().comment(format!("an event could not be written: {error}"))
            }))
        });
        Self { events: written.boxed(), data: PhantomData }
    }
}

impl<T> IntoResponse for EventStream<T> {
    fn into_response(self) -> Response {
        let events = Sse::new(self.events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
        // nginx would otherwise collect events until a buffer is full.
        ([(UNBUFFERED, "no")], events).into_response()
    }
}

impl<T: Serialize + JsonSchema> Answers for EventStream<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_events::<T>(StatusCode::OK, "The events.");
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn t216_a_proxy_is_asked_to_pass_events_on_at_once() {
        let answer = EventStream::new(stream::iter([(1, "an event")])).into_response();
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
    }
}

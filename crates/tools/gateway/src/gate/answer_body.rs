//! An answer's body, under way until it ends, perhaps early.

use std::sync::Arc;
use std::time::Duration;

use ballet_http::departure::Departure;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::{sleep, timeout};

use crate::auth::identity::Identity;
use crate::http::body::{Answer, Body, BoxError};
use crate::http::wall_clock::unix_seconds;
use crate::limits::at_once::RequestGuard;

/// An event stream may outlive a key or a scope that was removed by this.
const LONGEST_STREAM: Duration = Duration::from_secs(5 * 60);

/// Under way until the body ends. An event stream ends with its client's token, after some minutes, and when the gateway
/// stops: the client connects again, and has to sign in.
pub(crate) fn until_its_end(
    answer: Answer,
    departure: Departure,
    identity: Option<&Identity>,
    under_way: Arc<RequestGuard>,
) -> Answer {
    if answer.body().is_end_stream() {
        return answer;
    }
    let lasts = identity.and_then(|identity| identity.until).map_or(LONGEST_STREAM, |until| {
        // Not before: a client that comes back at once has to sign in.
        let left = u64::try_from(until - unix_seconds() + 1).unwrap_or_default();
        LONGEST_STREAM.min(Duration::from_secs(left))
    });
    let ends = is_stream(answer.headers()).then_some(async move {
        tokio::select! {
            () = departure.closes() => {}
            () = sleep(lasts) => {}
        }
    });
    answer.map(|body| {
        let frames = BodyStream::new(body).map(move |frame| {
            let _under_way = &under_way;
            frame
        });
        match ends {
            // As if the service had ended it.
            Some(ends) => of_frames(frames.take_until(Box::pin(ends))),
            None => of_frames(frames),
        }
    })
}

fn of_frames(frames: impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static) -> Body {
    StreamBody::new(frames).boxed_unsync()
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"))
}

/// An upstream's body without its trailers, which ends with an error after too long a silence.
pub(crate) fn with_limit_of_silence(body: Incoming, most: Duration) -> Body {
    of_frames(stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        let frame = match timeout(most, body.frame()).await {
            Ok(frame) => frame?,
            Err(_) => {
                return Some((Err(format!("the upstream was silent for {most:?}").into()), None));
            }
        };
        match frame {
            Ok(frame) => frame.into_data().ok().map(|data| (Ok(Frame::data(data)), Some(body))),
            Err(error) => Some((Err(error.into()), None)),
        }
    }))
}

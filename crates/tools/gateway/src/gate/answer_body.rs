//! An answer's body, under way until it ends, perhaps early.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::time::sleep;

use crate::auth::sign_in::API_KEY;
use crate::gate::in_force::CurrentGate;
use crate::http::body::{Answer, Body, BoxError, full};
use crate::limits::at_once::RequestGuard;

/// An event stream may outlive its credentials by this.
const LOOK_EVERY: Duration = Duration::from_secs(3);

const CREDENTIALS: [HeaderName; 2] = [header::AUTHORIZATION, API_KEY];

#[derive(Debug)]
pub(crate) struct Credentials<'a> {
    values: [Option<HeaderValue>; 2],
    scopes: &'a [String],
}

impl<'a> Credentials<'a> {
    pub(crate) fn new(headers: &HeaderMap, scopes: &'a [String]) -> Self {
        Self { values: CREDENTIALS.map(|name| headers.get(name).cloned()), scopes }
    }

    fn keep(self) -> SignedInClient {
        let own = CREDENTIALS.into_iter().zip(self.values);
        let headers = own.filter_map(|(name, value)| Some((name, value?))).collect();
        SignedInClient { headers, scopes: self.scopes.to_vec() }
    }
}

#[derive(Debug)]
struct SignedInClient {
    headers: HeaderMap,
    scopes: Vec<String>,
}

impl SignedInClient {
    /// Returns when a token has expired, its key or the API key is gone, or the scope was removed.
    async fn until_invalid(self, current: CurrentGate) {
        loop {
            sleep(LOOK_EVERY).await;
            let gate = current.get();
            let identified = gate.sign_in.identify(&self.headers).await;
            let allowed = identified
                .map_err(|wrong| wrong.problem)
                .and_then(|identity| gate.sign_in.allowed(identity.as_deref(), &self.scopes));
            // Without a key set nothing can be said.
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            if matches!(allowed, Err(problem) if refused.contains(&problem.status)) {
                return;
            }
        }
    }
}

struct AnswerBody {
    inner: Body,
    /// Ends the body as if the service had ended it.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _under_way: Arc<RequestGuard>,
}

/// Under way until the body ends. An event stream ends with the credentials, and when the gateway stops: the client
/// then connects to another gateway.
pub(crate) fn until_its_end(
    answer: Answer,
    current: &CurrentGate,
    credentials: Option<Credentials<'_>>,
    under_way: Arc<RequestGuard>,
) -> Answer {
    if answer.body().is_end_stream() {
        return answer;
    }
    let over = is_stream(answer.headers()).then(|| {
        let signed_in = credentials.map(Credentials::keep);
        Box::pin(stream_end(signed_in, current.clone())) as _
    });
    answer.map(|inner| AnswerBody { inner, over, _under_way: under_way }.boxed_unsync())
}

async fn stream_end(signed_in: Option<SignedInClient>, current: CurrentGate) {
    let departure = current.get().lasting.departure.clone();
    let signed_out = async {
        match signed_in {
            Some(signed_in) => signed_in.until_invalid(current).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = departure.closes() => {}
        () = signed_out => {}
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"))
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(over) = &mut self.over
            && over.as_mut().poll(cx).is_ready()
        {
            self.over = None;
            self.inner = full("");
            return Poll::Ready(None);
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

//! The trace that a request belongs to (W3C Trace Context): its client's, or a new one.

use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::http::headers::{set, single};
use crate::http::ids::random_number;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestTrace {
    parent: String,
    state: Option<String>,
}

impl RequestTrace {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = |name: HeaderName| single(headers, name).ok().flatten();
        if let Some(parent) = given(PARENT).filter(|text| is_parent(text)) {
            // A `tracestate` is valid only with its `traceparent`.
            let state = given(STATE).filter(|state| state.len() <= 512).map(str::to_owned);
            return Self { parent: parent.to_owned(), state };
        }
        let [high, low, span] = [(); 3].map(|()| random_number());
        Self { parent: format!("00-{high:016x}{low:016x}-{span:016x}-01"), state: None }
    }

    pub(crate) fn id(&self) -> &str {
        self.parent.split('-').nth(1).unwrap_or_default()
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        set(headers, PARENT, &self.parent);
        if let Some(state) = &self.state {
            set(headers, STATE, state);
        }
    }
}

fn is_parent(text: &str) -> bool {
    text.split('-').map(str::len).eq([2, 32, 16, 2])
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

//! Whether a request is one that the gateway passes on at all.

use hyper::{HeaderMap, Request, StatusCode, Version, header};

use crate::config::file::Limits;
use crate::http::path;
use crate::http::problem::Problem;

pub(crate) fn check<B>(request: &Request<B>, limits: &Limits) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let long = uri.path_and_query().map_or(0, |path| path.as_str().len());
    if long > limits.uri.0 {
        let detail = format!("the address is longer than {}", limits.uri);
        return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
    }
    let large =
        |detail: String| Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
    if headers.len() > limits.headers {
        return large(format!("there are more than {} headers", limits.headers));
    }
    if size(headers) > limits.header_bytes.0 {
        return large(format!("the headers are larger than {}", limits.header_bytes));
    }
    let bad = |detail: &str| Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        return bad("expected one Host header");
    }
    let path_refused = |detail| Err(Problem::new(StatusCode::BAD_REQUEST, detail).path());
    path::refused(uri.path()).map_or(Ok(()), path_refused)
}

fn size(headers: &HeaderMap) -> usize {
    // With the colon, the space and the end of the line.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

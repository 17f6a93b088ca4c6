//! Whether the gateway passes a request on at all.

use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version, header};

use crate::http::path;
use crate::http::problem::Problem;

pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let bad = |detail: &str| Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        return bad("expected one Host header");
    }
    if !headers.get(header::HOST).is_none_or(|host| is_host(host.as_bytes())) {
        return bad("expected a Host header that is a name or an address, and a port or none");
    }
    // A target with an authority overrides the header, which would then name another host.
    if let Some(authority) = uri.authority()
        && headers
            .get(header::HOST)
            .is_some_and(|host| host.as_bytes() != authority.as_str().as_bytes())
    {
        return bad("the request's target and its Host header name different hosts");
    }
    let path_refused = |detail| Err(Problem::new(StatusCode::BAD_REQUEST, detail).path());
    path::fault(uri.path()).map_or(Ok(()), path_refused)
}

/// Services build addresses of it, so nothing may end an address's host.
fn is_host(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    let authority = Authority::try_from(text).ok().filter(|_| text.iter().all(plain));
    authority.is_some_and(|authority| {
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        !authority.host().is_empty() && (port.is_empty() || authority.port_u16().is_some())
    })
}

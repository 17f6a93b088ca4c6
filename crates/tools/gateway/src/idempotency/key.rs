//! The client's key, and the request that it stands for.

use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, StatusCode};
use ring::digest::{Context, SHA256, digest};

use crate::http::headers::single;
use crate::http::ids::hex;
use crate::http::problem::Problem;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// In characters.
pub(crate) const LONGEST: usize = 128;

pub(crate) fn of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = || {
        let detail = format!(
            "Idempotency-Key: expected one text of 1 to {LONGEST} visible ASCII characters"
        );
        Problem::new(StatusCode::BAD_REQUEST, detail).header("Idempotency-Key")
    };
    let Some(text) = single(headers, HEADER).map_err(|()| wrong())? else {
        return Ok(None);
    };
    // The standard's form is a quoted string.
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let good = key.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if key.is_empty() || key.len() > LONGEST || !good {
        return Err(wrong());
    }
    Ok(Some(key.to_owned()))
}

/// The service keeps all clients' keys together. A client's name with the separator is replaced by its digest, so that
/// no two pairs give the same text.
pub(crate) fn at_service(client: &str, key: &str) -> String {
    let (kind, name) = client.split_once(':').unwrap_or(("", client));
    if !name.contains([':', '%']) {
        return format!("{client}:{key}");
    }
    let name = hex(digest(&SHA256, name.as_bytes()).as_ref());
    format!("{kind}:%{name}:{key}")
}

/// Under another condition a write (RFC 9110, section 13.1) is another request.
const CONDITIONS: [&str; 3] = ["if-match", "if-none-match", "if-unmodified-since"];

/// Without conditions this is as in earlier releases, whose hashes are stored.
pub(crate) fn fingerprint(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<u8> {
    let kind = headers.get("content-type").map_or(&[][..], |value| value.as_bytes());
    let conditions = CONDITIONS.into_iter().flat_map(|name| {
        headers.get_all(name).iter().flat_map(move |value| [name.as_bytes(), value.as_bytes()])
    });
    let mut context = Context::new(&SHA256);
    for part in
        [method.as_str().as_bytes(), path.as_bytes(), kind, body].into_iter().chain(conditions)
    {
        // The length keeps a part from looking like the end of another.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn the_kept_hashes_of_requests_without_conditions_still_count() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.insert("accept", HeaderValue::from_static("text/plain"));
        let hash = fingerprint(&Method::POST, "/a?b=c", &headers, b"x");
        assert_eq!(hex(&hash), "09048a37054a8f6c693217724caded492eac09d7f18f7056f24c444a4413a335");
        let mut hashes = vec![hash];
        for (condition, value) in CONDITIONS.iter().flat_map(|name| [(name, "1"), (name, "2")]) {
            headers.insert(*condition, HeaderValue::from_static(value));
            hashes.push(fingerprint(&Method::POST, "/a?b=c", &headers, b"x"));
            headers.remove(*condition);
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 1 + 2 * CONDITIONS.len());
    }
}

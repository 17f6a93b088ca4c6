//! A text that stays until the next config. It is sent whole or packed, and not to a client that has it.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use ring::digest::{SHA256, digest};

use crate::http::body::{Answer, full};
use crate::http::ids::hex;

#[derive(Debug)]
pub(crate) struct ServedText {
    whole: TextForm,
    /// `None` if it could not be packed.
    packed: Option<TextForm>,
}

#[derive(Debug)]
struct TextForm {
    bytes: Bytes,
    etag: String,
}

impl TextForm {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = digest(&SHA256, &bytes);
        let etag = format!("\"{}\"", hex(&digest.as_ref()[..16]));
        Self { bytes: bytes.into(), etag }
    }
}

impl ServedText {
    pub(crate) fn json(text: String) -> Self {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish());
        let (packed, whole) = (packed.ok().map(TextForm::new), TextForm::new(text.into_bytes()));
        Self { whole, packed }
    }

    /// Returns the form that this client takes, or 304 if it has the text.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Answer {
        let packed = self.packed.as_ref().filter(|_| takes_gzip(request));
        let form = packed.unwrap_or(&self.whole);
        let is_known = has(request, &form.etag);
        let body = if is_known { full("") } else { full(form.bytes.clone()) };
        let mut answer = Response::new(body);
        if is_known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = answer.headers_mut();
        if !is_known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if packed.is_some() && !is_known {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Ok(etag) = HeaderValue::from_str(&form.etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        answer
    }
}

fn elements(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn takes_gzip(request: &HeaderMap) -> bool {
    elements(request, header::ACCEPT_ENCODING).any(|element| {
        let (coding, weight) = element.split_once(';').unwrap_or((element, ""));
        let is_refused = weight.split_once('=').is_some_and(|(_, weight)| {
            weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
        });
        coding.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// A proxy that packs answers again makes tags weak, so weak tags are equal.
fn has(request: &HeaderMap, etag: &str) -> bool {
    let mut known = elements(request, header::IF_NONE_MATCH);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

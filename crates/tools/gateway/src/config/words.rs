//! Strings of a config file with a form: paths, methods, scopes, servers.

use ballet_http::peers::Network;
use hyper::{Method, Uri};
use serde::Deserialize;

use crate::http::path;

/// The beginning of a path, in whole segments: `/orders` also stands for `/orders/7`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Prefix(pub(crate) String);

/// An HTTP method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Verb(pub(crate) Method);

/// A scope, as in OAuth 2.0 (RFC 6749, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Scope(pub(crate) String);

/// A server of an upstream: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Server(pub(crate) Uri);

/// A proxy in front of the gateway, or the network of such: `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ProxyNetwork(pub(crate) Network);

/// A web origin: `https://shop.example`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Origin(pub(crate) String);

const VERBS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ends_well = text == "/" || !text.ends_with('/');
        // Other characters have further spellings, which a service may take for the same.
        let plain = text.bytes().all(|byte| byte == b'/' || path::is_unreserved(byte));
        if ends_well && plain && path::fault(&text).is_none() {
            return Ok(Self(text));
        }
        Err(format!(
            "expected a path like \"/orders\" of letters, digits and -._~, without a slash at the end, \
             found {text:?}"
        ))
    }
}

impl TryFrom<String> for Verb {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = VERBS.into_iter().find(|verb| verb.as_str() == text);
        known.map(Self).ok_or_else(|| {
            format!("expected one of GET, HEAD, POST, PUT, PATCH, DELETE, found {text:?}")
        })
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !text.is_empty() && text.len() <= 100 && text.bytes().all(good) {
            return Ok(Self(text));
        }
        Err(format!("expected a scope like \"orders:write\", found {text:?}"))
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let server = text.parse::<Uri>().ok().filter(|uri| {
            let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
            uri.scheme_str() == Some("http") && uri.port_u16().is_some() && bare
        });
        server.map(Self).ok_or_else(|| {
            format!("expected an address like \"http://orders:8080\", found {text:?}")
        })
    }
}

impl TryFrom<String> for ProxyNetwork {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '*' | ',' | '@' | '?');
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_some_and(|host| !host.is_empty() && host.chars().all(plain)) {
            return Ok(Self(text));
        }
        Err(format!("expected an origin like \"https://shop.example\", found {text:?}"))
    }
}

//! Strings of a config file with a form: paths, methods, scopes, servers.

use std::fmt;

use ballet_http::peers::Network;
use hyper::header::HeaderName;
use hyper::{Method, Uri};
use serde::{Deserialize, Serialize};

use crate::http::path;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(pub(crate) $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.to_string()
            }
        }
    };
}

word! {
    /// The beginning of a path, in whole segments: `/orders` also stands for `/orders/7`.
    Prefix(String)
}
word! {
    /// An HTTP method.
    Verb(Method)
}
word! {
    /// A scope, as in OAuth 2.0 (RFC 6749, section 3.3).
    Scope(String)
}
word! {
    /// A server of an upstream: `http://host:port`.
    Server(Uri)
}
word! {
    /// A proxy in front of the gateway, or the network of such: `10.0.0.0/8`.
    ProxyNetwork(Network)
}
word! {
    /// The name of a header, in small letters.
    Header(HeaderName)
}
word! {
    /// A web origin: `https://shop.example`.
    Origin(String)
}

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

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = HeaderName::try_from(&text);
        name.map(Self)
            .map_err(|_| format!("expected a header like \"x-request-id\", found {text:?}"))
    }
}

impl Header {
    /// Makes headers of names in small letters.
    pub(crate) fn all(names: &[&'static str]) -> Vec<Self> {
        names.iter().map(|name| Self(HeaderName::from_static(name))).collect()
    }

    /// Returns their names, as a header lists them.
    pub(crate) fn list(headers: &[Self]) -> String {
        headers.iter().map(|Self(name)| name.as_str()).collect::<Vec<_>>().join(", ")
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

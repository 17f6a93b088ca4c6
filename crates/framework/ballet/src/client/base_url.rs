//! The address of an API.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ballet_core::hosts;
use hyper::Uri;
use hyper::http::uri::InvalidUri;

/// The address of an API: `https://host/path`. Plain `http` is accepted only for this machine, since requests carry
/// the API's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Returns the address of a path below it. Without its slash, a path could end the host's name, and the key would
    /// go to another host.
    pub(super) fn join(&self, path: &str) -> Result<Uri, String> {
        if !path.starts_with('/') {
            return Err("a path begins with /".to_owned());
        }
        format!("{}{path}", self.0).parse().map_err(|error: InvalidUri| error.to_string())
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a URL like https://api.example.com/v1";
        let uri: Uri = text.parse().map_err(|error| format!("{expected}: {error}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(expected.to_owned());
        };
        if authority.as_str().contains('@') {
            return Err(format!("{expected}, without a user: the key is a setting of its own"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("{expected}, without a query or a fragment"));
        }
        match scheme {
            "https" => {}
            "http" if is_this_machine(authority.host()) => {}
            "http" => {
                let why = "the key would cross the network unencrypted";
                return Err(format!("plain http is for this machine only, {why}: use https"));
            }
            other => return Err(format!("{expected}, not {other}")),
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = hosts::name(host).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_would_show_the_key_is_refused() {
        for (right, joined) in [
            ("https://api.example.com/v1/", "https://api.example.com/v1/captures"),
            ("http://127.0.0.1:99", "http://127.0.0.1:99/captures"),
            ("http://[::1]:99", "http://[::1]:99/captures"),
            ("http://localhost", "http://localhost/captures"),
        ] {
            let url: BaseUrl = right.parse().expect("an address");
            assert_eq!(url.join("/captures").expect("an address"), joined);
            for path in [".evil.example/captures", "@evil.example/captures", "captures", ""] {
                url.join(path).expect_err("another host's, or none");
            }
        }
        for (wrong, said) in [
            ("http://api.example.com", "unencrypted"),
            ("http://localhost.example.com", "unencrypted"),
            ("https://user:secret@api.example.com", "without a user"),
            ("https://api.example.com/?key=1", "without a query"),
            ("https://api.example.com/v1#captures", "without a query or a fragment"),
            ("ftp://api.example.com", "not ftp"),
            ("api.example.com", "expected a URL"),
            ("", "expected a URL"),
        ] {
            let error = wrong.parse::<BaseUrl>().expect_err("wrong");
            assert!(error.contains(said) && !error.contains("secret"), "{wrong}: {error}");
        }
    }
}

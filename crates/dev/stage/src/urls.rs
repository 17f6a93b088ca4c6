//! Servers' URLs, also for another user or without a password.

use ballet::core::mask;
use url::Url;

use crate::error::{Error, Result};

/// Parses a server's URL from the environment.
pub(crate) fn parse(name: &'static str, text: &str, schemes: &[&str]) -> Result<Url> {
    let wrong = |value: &str| Error::Setting {
        name,
        value: value.to_owned(),
        expected: format!("it should look like {}://user:password@host:port", schemes[0]),
    };
    let url = Url::parse(text).map_err(|_| wrong("not a URL"))?;
    if schemes.contains(&url.scheme()) && url.has_host() {
        return Ok(url);
    }
    Err(wrong(&masked(&url)))
}

/// The parts must not need encoding.
pub(crate) fn local(
    scheme: &str,
    user: &str,
    password: &str,
    port: u16,
    path: &str,
) -> Result<Url> {
    let login = if user.is_empty() { String::new() } else { format!("{user}:{password}@") };
    let text = format!("{scheme}://{login}127.0.0.1:{port}/{path}");
    Url::parse(&text).map_err(|_| Error::Setting {
        name: "a URL of our own",
        value: format!("{scheme}://127.0.0.1:{port}/{path}"),
        expected: "it should be one; please report this".to_owned(),
    })
}

/// User and password must not need encoding.
pub(crate) fn for_user(server: &Url, user: &str, password: &str, path: &str) -> Url {
    let mut url = server.clone();
    // These fail only for URLs without a host.
    url.set_username(user).ok();
    url.set_password(Some(password)).ok();
    url.set_path(path);
    url
}

pub(crate) fn with_path(server: &Url, path: &str) -> Url {
    let mut url = server.clone();
    url.set_path(path);
    url
}

/// Returns the URL without its password, for messages.
pub(crate) fn masked(url: &Url) -> String {
    mask::masked(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_a_password_and_takes_another_user() {
        let url = parse("AMQP_URL", "amqp://a%40b:p%2Fw@host/shop", &["amqp"]).unwrap();
        assert_eq!(masked(&url), "amqp://a%40b:***@host/shop");
        let other = for_user(&url, "orders", "secret", "shop_1");
        assert_eq!(other.as_str(), "amqp://orders:secret@host/shop_1");
    }

    #[test]
    fn says_what_a_url_should_look_like_without_showing_a_password() {
        let error = parse("AMQP_URL", "http://me:secret@host", &["amqp"]).unwrap_err().to_string();
        assert!(error.starts_with("AMQP_URL is http://me:***@host/: it should look like amqp://"));
    }
}

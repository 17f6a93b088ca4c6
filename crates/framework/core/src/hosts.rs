//! The hosts in a URL: names, IPv4 addresses, and IPv6 addresses in brackets.

use std::net::IpAddr;

/// Takes a URL apart: what stands before its hosts (scheme, user and password), the hosts with their ports, of which
/// there may be several with commas between them, and what stands behind them. `None` for a text without `://`.
#[must_use]
pub fn parts(url: &str) -> Option<(&str, Vec<&str>, &str)> {
    let authority = url.find("://")? + 3;
    let (_, rest) = url.split_at(authority);
    let end = authority + rest.find(['/', '?']).unwrap_or(rest.len());
    let hosts = url[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    Some((&url[..hosts], url[hosts..end].split(',').map(str::trim).collect(), &url[end..]))
}

/// Returns the name of a host without its port: of an IPv6 address without its brackets, as all functions that connect
/// take it.
#[must_use]
pub fn name(host: &str) -> &str {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((address, _)) => address,
        None if host.parse::<IpAddr>().is_ok() => host,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// Returns a host with its port, as a URL has them.
#[must_use]
pub fn with_port(name: &str, port: u16) -> String {
    if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_its_hosts_are_named() {
        for (url, before, hosts, names, after) in [
            ("amqp://u:p@a:1,b/v", "amqp://u:p@", &["a:1", "b"][..], &["a", "b"][..], "/v"),
            ("postgres://10.0.0.1/d", "postgres://", &["10.0.0.1"], &["10.0.0.1"], "/d"),
            ("postgres://u@[::1]:1/d", "postgres://u@", &["[::1]:1"], &["::1"], "/d"),
            (
                "amqp://[fd00::1], [::1]:1?a",
                "amqp://",
                &["[fd00::1]", "[::1]:1"],
                &["fd00::1", "::1"],
                "?a",
            ),
            ("amqp://u:p@x@a", "amqp://u:p@x@", &["a"], &["a"], ""),
            ("amqp://u@", "amqp://u@", &[""], &[""], ""),
        ] {
            let (front, found, behind) = parts(url).expect("a URL");
            assert_eq!((front, &found[..], behind), (before, hosts, after));
            assert_eq!(found.iter().map(|host| name(host)).collect::<Vec<_>>(), names);
        }
        assert_eq!(parts("localhost:5432"), None);
        assert_eq!(name("::1"), "::1");
        assert_eq!(with_port("::1", 5672), "[::1]:5672");
        assert_eq!(with_port("rabbit", 5672), "rabbit:5672");
    }
}

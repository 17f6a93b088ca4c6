//! Who has sent a request: networks of proxies that are believed, and the client that they name.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hyper::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

/// The header to which most proxies append the address of their client.
const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// The bits before an IPv4 address that is written as one of IPv6.
const MAPPED: u8 = 96;

/// A network in CIDR notation (`10.0.0.0/8`, `fd00::/8`), or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is in the network. An IPv4 address that a socket for IPv6 shows (`::ffff:10.0.0.7`) is itself.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network: IpNet = text.parse().map_err(|_| {
            format!("expected an address or a network, like 10.0.0.0/8 or fd00::/8, found {text:?}")
        })?;
        let mapped = network.addr().to_canonical();
        match (network, mapped) {
            (IpNet::V6(v6), IpAddr::V4(address)) if v6.prefix_len() >= MAPPED => {
                let network = Ipv4Net::new(address, v6.prefix_len() - MAPPED);
                network.map(|network| Self(network.into())).map_err(|error| error.to_string())
            }
            _ => Ok(Self(network)),
        }
    }
}

/// Returns the client's address. It is the last one that the proxies name and that is no proxy itself: anybody may have
/// written those before it. They name it in `X-Forwarded-For`.
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_proxy(client) {
        return client;
    }
    for hop in hops(headers) {
        let Some(address) = address(&hop) else { break };
        client = address;
        if !is_proxy(client) {
            break;
        }
    }
    client
}

/// The names of the clients that each proxy has seen, the last one first.
fn hops(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    // A proxy may append to a line that a client filled with bytes that are not text.
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    let all = lines.collect::<Vec<_>>().join(",");
    all.rsplit(',').map(str::to_owned).collect()
}

/// Parses an address as proxies write it: alone, with a port, with brackets, in quotes.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let hop = hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop);
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_and_addresses_are_understood() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.42.0.9", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.42.0.9", "::ffff:11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.42.0.9", "11.0.0.1"),
            ("10.0.0.7", "10.0.0.7", "10.0.0.8"),
            ("::ffff:10.0.0.7", "10.0.0.7", "10.0.0.8"),
            ("fd00::/8", "fd12::1", "fe80::1"),
        ] {
            let network: Network = network.parse().expect("a network");
            assert!(network.contains(ip(inside)), "{inside} is in {network:?}");
            assert!(!network.contains(ip(outside)), "{outside} is not in {network:?}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "ingress", "10.0.0.0/"] {
            let said = wrong.parse::<Network>().expect_err("no network");
            assert!(said.contains("like 10.0.0.0/8"), "{said}");
        }
    }

    fn asked(name: &'static str, values: &[&'static [u8]]) -> HeaderMap {
        let name = HeaderName::from_static(name);
        let value = |value: &&'static [u8]| HeaderValue::from_bytes(value).expect("a value");
        values.iter().map(|one| (name.clone(), value(one))).collect()
    }

    fn seen_by(peer: &str, headers: &HeaderMap) -> String {
        let proxies: Network = "10.0.0.0/8".parse().expect("a network");
        client(ip(peer), headers, |address| proxies.contains(address)).to_string()
    }

    #[test]
    fn only_a_proxy_is_believed_and_only_what_proxies_have_written() {
        let headers = asked(X_FORWARDED_FOR, &[b"6.6.6.6, 1.2.3.4, 10.0.0.2"]);
        assert_eq!(seen_by("9.9.9.9", &headers), "9.9.9.9");
        assert_eq!(seen_by("10.0.0.1", &headers), "1.2.3.4");
        assert_eq!(seen_by("::ffff:10.0.0.1", &headers), "1.2.3.4");
        assert_eq!(seen_by("10.0.0.1", &HeaderMap::new()), "10.0.0.1");
        // A client may write anything before it, also in a line of its own.
        let headers = asked(X_FORWARDED_FOR, &[b"6.6.6.6", b"\xff, 1.2.3.4"]);
        assert_eq!(seen_by("10.0.0.1", &headers), "1.2.3.4");
    }

    #[test]
    fn a_client_is_understood_however_proxies_write_it() {
        for (written, means) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:5678", "2001:db8::7"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            // Nobody is named: the last that is known is the proxy.
            ("unknown", "10.0.0.1"),
            ("_hidden", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            for hop in [written.to_owned(), format!("6.6.6.6, {written}")] {
                let value: &'static [u8] = hop.leak().as_bytes();
                assert_eq!(seen_by("10.0.0.1", &asked(X_FORWARDED_FOR, &[value])), means);
            }
        }
    }
}

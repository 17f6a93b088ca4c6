//! A header in which a gateway names the person. It is trusted only from configured addresses.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ballet_http::peers::Network;

/// A header in which a gateway names the person. The gateway has to remove it from its clients' requests.
#[derive(Debug, Clone)]
pub struct TrustedHeader {
    /// The name of the header.
    pub header: String,
    /// The addresses of the gateway, or their networks. An empty list means this machine.
    pub from: Vec<Network>,
    /// The group whose members may act. Without one, accounts say who may.
    pub operators: Option<OperatorGroup>,
}

/// A group of an identity provider whose members may act.
#[derive(Debug, Clone)]
pub struct OperatorGroup {
    /// The name of the group.
    pub name: String,
    /// The header in which the gateway lists the person's groups. It has to remove that from its clients' requests.
    pub header: String,
}

impl OperatorGroup {
    /// Whether the gateway says that the person is a member.
    pub(crate) fn has(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(&self.header).into_iter();
        let lists = lists.filter_map(|list| std::str::from_utf8(list.as_bytes()).ok());
        // authentik writes bars, all others commas.
        lists.flat_map(|list| list.split([',', '|'])).any(|group| group.trim() == self.name)
    }
}

impl TrustedHeader {
    /// Whether this address may name the person.
    pub(crate) fn believes(&self, address: IpAddr) -> bool {
        match &self.from[..] {
            [] => address.to_canonical().is_loopback(),
            named => named.iter().any(|network| network.contains(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_addresses_are_believed_and_without_names_this_machine() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let own = TrustedHeader { header: "x-user".to_owned(), from: Vec::new(), operators: None };
        assert!(own.believes(address("127.0.0.1")) && own.believes(address("::ffff:127.0.0.1")));
        assert!(!own.believes(address("10.0.0.7")));
        let networks = vec!["10.0.0.0/8".parse().expect("a network")];
        let named = TrustedHeader { from: networks, ..own };
        assert!(named.believes(address("10.0.0.7")) && named.believes(address("::ffff:10.0.0.7")));
        assert!(!named.believes(address("127.0.0.1")) && !named.believes(address("11.0.0.7")));
    }
}

//! A header in which a gateway names the person. It is trusted only from configured addresses.

use std::net::IpAddr;

/// A header in which a gateway names the person. The gateway has to remove it from its clients' requests.
#[derive(Debug, Clone)]
pub struct TrustedHeader {
    /// The name of the header.
    pub header: String,
    /// The addresses of the gateway. An empty list means this machine.
    pub from: Vec<IpAddr>,
}

impl TrustedHeader {
    /// Whether this address may name the person.
    pub(crate) fn believes(&self, address: IpAddr) -> bool {
        match &self.from[..] {
            [] => address.to_canonical().is_loopback(),
            named => named.contains(&address.to_canonical()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_addresses_are_believed_and_without_names_this_machine() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let own = TrustedHeader { header: "x-user".to_owned(), from: Vec::new() };
        assert!(own.believes(address("127.0.0.1")) && own.believes(address("::ffff:127.0.0.1")));
        assert!(!own.believes(address("10.0.0.7")));
        let named = TrustedHeader { from: vec![address("10.0.0.7")], ..own };
        assert!(named.believes(address("10.0.0.7")) && !named.believes(address("127.0.0.1")));
    }
}

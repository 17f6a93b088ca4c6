//! A header in which a gateway says who the person is: it is believed only from addresses that are named.

use std::net::IpAddr;

/// A header in which a gateway says who the person is. The gateway has to remove it from what others send.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// The name of the header.
    pub header: String,
    /// The addresses of the gateway. Without any it is this machine.
    pub from: Vec<IpAddr>,
}

impl Trusted {
    /// Whether this address may say who somebody is.
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
        let own = Trusted { header: "x-user".to_owned(), from: Vec::new() };
        assert!(own.believes(address("127.0.0.1")) && own.believes(address("::ffff:127.0.0.1")));
        assert!(!own.believes(address("10.0.0.7")));
        let named = Trusted { from: vec![address("10.0.0.7")], ..own };
        assert!(named.believes(address("10.0.0.7")) && !named.believes(address("127.0.0.1")));
    }
}

//! The name of a client that has not signed in.

use std::net::IpAddr;

use ballet_http::limits::network;

/// Returns the name by which limits count a client that has not signed in.
pub(crate) fn client_name(address: IpAddr) -> String {
    format!("ip:{}", network(address))
}

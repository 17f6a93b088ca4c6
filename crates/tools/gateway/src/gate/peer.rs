//! The origin of a request.

use std::net::IpAddr;

use ballet_http::limits::network;
use hyper::HeaderMap;

/// Returns the client's address. Behind trusted proxies it is the last one in `X-Forwarded-For` that is not a proxy.
/// Anybody may have written the entries before it.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter();
    // A proxy may append to a line that a client filled with bytes that are not text.
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    let text = lines.collect::<Vec<_>>().join(",");
    let mut client = peer;
    for hop in text.rsplit(',') {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        client = hop.to_canonical();
        if !trusted.contains(&client) {
            break;
        }
    }
    client
}

/// Returns the name by which limits count a client that has not signed in.
pub(crate) fn client_name(address: IpAddr) -> String {
    format!("ip:{}", network(address))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.2".parse().unwrap());
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(client(ip("9.9.9.9"), &headers, &trusted), ip("9.9.9.9"));
        assert_eq!(client(ip("10.0.0.1"), &headers, &trusted), ip("1.2.3.4"));
        assert_eq!(client(ip("10.0.0.1"), &HeaderMap::new(), &trusted), ip("10.0.0.1"));
        // A client may write anything before it.
        let line = HeaderValue::from_bytes(b"\xff, 1.2.3.4").unwrap();
        headers.insert("x-forwarded-for", line);
        assert_eq!(client(ip("10.0.0.1"), &headers, &trusted), ip("1.2.3.4"));
    }
}

//! Connections to servers outside, through the proxy that the environment names, as curl and most clients read it.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// A connector to one server. Over TLS it goes through the proxy in `HTTPS_PROXY` (or `ALL_PROXY`), unless `NO_PROXY`
/// names the server. The proxy opens a tunnel, and sees nothing of what passes.
#[derive(Debug, Clone)]
pub enum ProxiedConnector {
    /// There is no proxy for the server.
    Direct(HttpConnector),
    /// Through a tunnel.
    Tunnel(Tunnel<HttpConnector>),
}

impl ProxiedConnector {
    /// Returns the connector to a server, as the environment says.
    ///
    /// # Errors
    ///
    /// If the proxy is none that is reached by `http://`.
    pub fn of_env(server: &Uri, http: HttpConnector) -> Result<Self, String> {
        Self::of(&Matcher::from_env(), server, http)
    }

    fn of(proxies: &Matcher, server: &Uri, http: HttpConnector) -> Result<Self, String> {
        let is_encrypted = server.scheme_str() == Some("https");
        let Some(proxy) = proxies.intercept(server).filter(|_| is_encrypted) else {
            return Ok(Self::Direct(http));
        };
        if proxy.uri().scheme_str() != Some("http") {
            let what =
                "HTTPS_PROXY (or ALL_PROXY): expected an address like http://proxy.example:3128";
            let scheme = proxy.uri().scheme_str().unwrap_or_default();
            return Err(format!("{what}, found one of {scheme}://"));
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), http);
        Ok(Self::Tunnel(match proxy.basic_auth() {
            Some(login) => tunnel.with_auth(login.clone()),
            None => tunnel,
        }))
    }
}

impl Service<Uri> for ProxiedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Direct(http) => http.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match self {
            Self::Direct(http) => {
                let connecting = http.call(server);
                Box::pin(async move { Ok(connecting.await?) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(server);
                Box::pin(async move { connecting.await.map_err(|error| of_proxy(&error)) })
            }
        }
    }
}

/// Says that the proxy is the cause, which the innermost error does not.
fn of_proxy(error: &dyn Error) -> Box<dyn Error + Send + Sync> {
    let mut said = format!("the proxy of HTTPS_PROXY: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    io::Error::other(said).into()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn connector(proxy: &str, server: &str) -> Result<ProxiedConnector, String> {
        let proxies = Matcher::builder().all(proxy).no("near.example, 10.0.0.0/8").build();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        ProxiedConnector::of(&proxies, &server.parse().expect("an address"), http)
    }

    #[test]
    fn only_encrypted_connections_to_servers_that_are_not_near_have_a_proxy() {
        for (server, has_proxy) in [
            ("https://api.example/v1", true),
            ("http://127.0.0.1:8080", false),
            ("https://near.example", false),
            ("https://a.near.example", false),
            ("https://10.1.2.3", false),
        ] {
            let connector = connector("http://proxy.example:3128", server).expect("a proxy");
            assert_eq!(matches!(connector, ProxiedConnector::Tunnel(_)), has_proxy, "{server}");
        }
        let wrong = connector("socks5://me:secret@proxy.example", "https://api.example");
        let wrong = wrong.expect_err("no such proxy");
        // A developer's machine often has only the latter.
        assert!(wrong.contains("HTTPS_PROXY (or ALL_PROXY)"), "{wrong}");
        assert!(wrong.contains("socks5://") && !wrong.contains("secret"), "{wrong}");
    }

    #[tokio::test]
    async fn a_proxy_opens_a_tunnel_or_is_named_as_the_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = format!("http://me:secret@{}", listener.local_addr().expect("an address"));
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n"] {
                let (mut client, _) = listener.accept().await.expect("a client");
                let mut head = [0; 4096];
                let length = client.read(&mut head).await.expect("a request");
                asked.push(String::from_utf8_lossy(&head[..length]).into_owned());
                client.write_all(answer.as_bytes()).await.expect("heard");
            }
            asked
        });
        let server = "https://api.example:8443/v1";
        let mut connector = connector(&proxy, server).expect("a proxy");
        connector.call(server.parse().expect("an address")).await.expect("a tunnel");
        let refused = connector.call(server.parse().expect("an address")).await;
        let refused = refused.expect_err("refused").to_string();
        assert!(refused.starts_with("the proxy of HTTPS_PROXY: "), "{refused}");
        let asked = asked.await.expect("no panic");
        assert!(asked[0].starts_with("CONNECT api.example:8443 HTTP/1.1\r\n"), "{asked:?}");
        assert!(asked[0].contains("Proxy-Authorization: Basic "), "{asked:?}");
    }
}

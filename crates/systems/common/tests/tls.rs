//! The key of an API goes only to the server that the certificate names.

use std::sync::Arc;
use std::time::Duration;

use ballet::calls::CallKey;
use ballet_stage::TlsIdentity;
use ballet_testkit::certificates::Authority;
use common::outside::{ApiConnection, NoAnswer, Operations, Secrets};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

const KEY: CallKey = CallKey(Uuid::from_u128(7));
const LONG: Duration = Duration::from_secs(60);

/// Answers everything with an operation, once it has read a whole request head.
async fn server(identity: &TlsIdentity) -> String {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("a certificate")], key)
        .expect("a server");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let mut some = [0; 1024];
                    let Ok(1..) = stream.read(&mut some).await.inspect(|read| {
                        request.extend_from_slice(&some[..*read]);
                    }) else {
                        return;
                    };
                }
                let body = json!({ "idempotency_key": KEY.to_string() }).to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
            });
        }
    });
    format!("https://localhost:{port}/v1")
}

async fn asked(url: &str, authority: Option<&Authority>) -> Result<Value, NoAnswer> {
    let ca_file = authority.map(|authority| {
        let name = format!("ca-{}.pem", url.rsplit(':').next().expect("a port").replace('/', "-"));
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, authority.certificate()).expect("a file");
        file
    });
    let key = Secrets::of("A_KEY", Some("secret"), None, 1).expect("a key").expect("a key");
    let url = url.parse().expect("an address");
    let client =
        Operations::new(ApiConnection { url, key, ca_file, timeout: LONG }).expect("a client");
    client.request("/captures", KEY, &json!({})).await
}

#[tokio::test]
async fn only_a_server_with_a_trusted_certificate_for_its_name_is_asked() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let right = server(&ours.identity(&["localhost"])).await;
    assert!(asked(&right, Some(&ours)).await.is_ok());
    for (what, url, authority) in [
        ("a CA that is not public", &right, None),
        ("another CA", &right, Some(&other)),
        ("another name", &server(&ours.identity(&["elsewhere"])).await, Some(&ours)),
        (
            "an expired certificate",
            &server(&ours.expired_identity(&["localhost"])).await,
            Some(&ours),
        ),
    ] {
        let error = asked(url, authority).await.expect_err(what);
        assert!(matches!(error, NoAnswer::Unreachable(_)), "{what}: {error}");
    }
}

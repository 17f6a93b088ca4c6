//! Key sets of identity providers: over TLS, and of one key.

use std::sync::{Arc, Mutex};

use ballet_stage::TlsIdentity;
use ballet_testkit::certificates::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::auth::{becomes, get, routes};
use crate::support::gateway::{Folder, Gateway, problem};
use crate::support::service::TestService;
use crate::support::tokens::{SigningKey, claims, jwt, set};

/// Answers one request of each connection with the keys.
async fn identity_provider(identity: &TlsIdentity, keys: Arc<Mutex<String>>) -> String {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && matches!(stream.read_buf(&mut request).await, Ok(1..))
            {}
            let keys = keys.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", keys.len());
            stream.write_all((head + &keys).as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    });
    format!("https://localhost:{port}/keys")
}

#[tokio::test]
async fn keys_come_over_tls_and_change_there() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let authority = Authority::new("ours");
    folder.write("ca.pem", authority.certificate());
    let (old, new) = (SigningKey::ed25519("old"), SigningKey::p256("new"));
    let keys = Arc::new(Mutex::new(set(&[&old])));
    let address = identity_provider(&authority.identity(&["localhost"]), Arc::clone(&keys)).await;
    let untrusting = jwt().replace("jwks.json", &address) + "refresh = \"1s\"\n";
    let by_old = old.token(&claims("alice", "a:read"));
    let by_new = new.token(&claims("alice", "a:read"));

    let gateway = Gateway::start(&(untrusting.clone() + &routes(&service))).await;
    problem(get(&gateway, "/a", &by_old).await, 503).await;
    assert!(gateway.log().contains("UnknownIssuer"), "{}", gateway.log());

    let config = untrusting + "ca_file = \"ca.pem\"\n" + &routes(&service);
    let gateway = Gateway::start_in(&folder, &config).await;
    becomes(&gateway, &by_old, 200).await;
    *keys.lock().unwrap() = set(&[&new]);
    becomes(&gateway, &by_new, 200).await;
    becomes(&gateway, &by_old, 401).await;
}

#[tokio::test]
async fn the_only_key_of_a_set_needs_no_name() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let (key, stranger) = (SigningKey::ed25519("ed"), SigningKey::ed25519("ed"));
    let nameless =
        |key: &SigningKey| key.token_with(&json!({ "alg": "EdDSA" }), &claims("alice", "a:read"));
    let mut bare = key.public();
    bare.as_object_mut().unwrap().remove("kid");
    for keys in [json!({ "keys": [bare] }).to_string(), set(&[&key])] {
        folder.write("jwks.json", &keys);
        let gateway = Gateway::start_in(&folder, &(jwt() + &routes(&service))).await;
        for token in [nameless(&key), key.token(&claims("alice", "a:read"))] {
            assert_eq!(get(&gateway, "/a", &token).await.status(), 200, "{keys}");
        }
        let detail = problem(get(&gateway, "/a", &nameless(&stranger)).await, 401).await;
        assert_eq!(detail, "the token's signature is wrong");
    }
}

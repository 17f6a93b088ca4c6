//! A proxy for the database. It can lose a commit, or the answer to one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A batch begins with this. A connection sends the text once, so only its first batch is known.
const BATCH: &[u8] = b"ballet.receive";

pub(crate) struct LossyProxy {
    pub(crate) url: String,
    doubt: Arc<ProxyFaults>,
}

#[derive(Debug)]
struct ProxyFaults {
    loses: AtomicBool,
    lost: Notify,
    drops: AtomicBool,
}

impl LossyProxy {
    pub(crate) async fn to(url: &str) -> Self {
        let mut url: reqwest::Url = url.parse().expect("a URL");
        let host = url.host_str().expect("a host").to_owned();
        let server = (host, url.port().unwrap_or(5432));
        let listener =
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let doubt = Arc::new(ProxyFaults {
            loses: AtomicBool::new(false),
            lost: Notify::new(),
            drops: AtomicBool::new(false),
        });
        let shared = Arc::clone(&doubt);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.expect("the database");
                tokio::spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self { url: url.to_string(), doubt }
    }

    /// The connection ends before the client hears the server's answer.
    pub(crate) fn lose_the_next_commit(&self) {
        self.doubt.loses.store(true, Ordering::SeqCst);
    }

    /// The connection ends before the server hears of the commit.
    pub(crate) fn drop_the_next_commit(&self) {
        self.doubt.drops.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn lost(&self) {
        self.doubt.lost.notified().await;
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, doubt: Arc<ProxyFaults>) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_batch = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(count @ 1..) = read else { return };
                let has = |text: &[u8]| from_client[..count].windows(text.len()).any(|at| at == text);
                is_batch |= has(BATCH);
                // Others commit as well.
                let commits = is_batch && has(b"COMMIT");
                is_batch &= !commits;
                if commits && doubt.drops.swap(false, Ordering::SeqCst) {
                    doubt.lost.notify_one();
                    return;
                }
                if server.write_all(&from_client[..count]).await.is_err() {
                    return;
                }
                if commits && doubt.loses.swap(false, Ordering::SeqCst) {
                    // Its answer says that it is done.
                    if server.read(&mut from_server).await.is_ok() {
                        doubt.lost.notify_one();
                    }
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&from_server[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

//! A way to the database on which the answer to a commit can be lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) struct Proxy {
    /// The database's URL by this way.
    pub(crate) url: String,
    armed: Arc<AtomicBool>,
    lost: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn to(url: &str) -> Self {
        let mut url: reqwest::Url = url.parse().expect("a URL");
        let host = url.host_str().expect("a host").to_owned();
        let server = (host, url.port().unwrap_or(5432));
        let listener =
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let (armed, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let (is_armed, tell) = (Arc::clone(&armed), Arc::clone(&lost));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.expect("the database");
                tokio::spawn(pass(client, server, Arc::clone(&is_armed), Arc::clone(&tell)));
            }
        });
        Self { url: url.to_string(), armed, lost }
    }

    /// The connection ends when the server answers to the next commit, before the client hears it.
    pub(crate) fn lose_the_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    armed: Arc<AtomicBool>,
    lost: Arc<Notify>,
) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(count @ 1..) = read else { return };
                let commits = from_client[..count].windows(6).any(|word| word == b"COMMIT");
                if server.write_all(&from_client[..count]).await.is_err() {
                    return;
                }
                if commits && armed.swap(false, Ordering::SeqCst) {
                    // Its answer says that it is done.
                    if server.read(&mut from_server).await.is_ok() {
                        lost.notify_one();
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

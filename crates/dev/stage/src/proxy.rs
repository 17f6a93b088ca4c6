//! A proxy whose connections can be slow, cut or left hanging.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::error::{Error, Result, machine};

/// A loopback port that forwards to a server. Dropping it closes the port and all connections.
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    state: watch::Sender<ProxyState>,
    counts: Arc<ProxyCounts>,
    listening: JoinHandle<()>,
}

/// The way in which the proxy forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// Everything is forwarded at once.
    #[default]
    Open,
    /// Everything arrives this much later.
    Slow(Duration),
    /// Nothing is forwarded, as after the other machine's loss of power: the server's connections close. The client's
    /// connections, old and new, hang forever, even once the proxy is open again.
    Silent,
    /// Both sides' bytes are held until the proxy is open again.
    Held,
    /// Only the client's bytes are held.
    Mute,
    /// All connections are closed, new ones at once.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProxySide {
    Client,
    Server,
}

#[derive(Debug, Default)]
struct ProxyCounts {
    held: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ProxyState {
    link: Link,
    /// Connections from before the last silence hang.
    silences: u64,
    /// Connections from before the last cut are closed.
    cuts: u64,
}

impl ProxyState {
    fn holds(&self, speaker: ProxySide) -> bool {
        match self.link {
            Link::Held => true,
            Link::Mute => speaker == ProxySide::Client,
            Link::Open | Link::Slow(_) | Link::Silent | Link::Refused => false,
        }
    }
}

impl Proxy {
    /// Starts a proxy for the server that a URL names.
    ///
    /// # Errors
    ///
    /// If the URL has no host or port, or if no port is free.
    pub async fn to(url: &str) -> Result<Self> {
        let wrong = || Error::Setting {
            name: "the address behind a proxy",
            value: "not shown, it may have a password".to_owned(),
            expected: "it should be a URL with host and port".to_owned(),
        };
        let mut url = Url::parse(url).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?.to_owned();
        let server = (host, url.port().ok_or_else(wrong)?);
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
        let listener = listener.map_err(machine("listen for a proxy"))?;
        let port = listener.local_addr().map_err(machine("listen for a proxy"))?.port();
        url.set_host(Some("127.0.0.1")).map_err(|_| wrong())?;
        url.set_port(Some(port)).map_err(|()| wrong())?;
        let (state, seen) = watch::channel(ProxyState::default());
        let counts = Arc::<ProxyCounts>::default();
        let counting = Arc::clone(&counts);
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        let counts = Arc::clone(&counting);
                        drop(tokio::spawn(serve(client, server.clone(), seen.clone(), counts)));
                    }
                    // The error may pass, like "too many open files".
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Ok(Self { url, state, counts, listening })
    }

    /// Returns the server's URL through the proxy, with the same user and path.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Changes how open and future connections are forwarded.
    pub fn set(&self, link: Link) {
        self.state.send_modify(|state| {
            state.link = link;
            state.silences += u64::from(link == Link::Silent);
            state.cuts += u64::from(link == Link::Refused);
        });
    }

    /// Returns how often bytes of a client were held.
    pub fn held(&self) -> u64 {
        self.counts.held.load(Ordering::Relaxed)
    }

    /// Returns the number of connections that were refused.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }

    /// Closes all connections. New ones are accepted.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn serve(
    mut client: TcpStream,
    server: (String, u16),
    mut state: watch::Receiver<ProxyState>,
    counts: Arc<ProxyCounts>,
) {
    let begun = *state.borrow_and_update();
    if begun.link == Link::Refused {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let cut = |state: &ProxyState| state.cuts != begun.cuts;
    if begun.link != Link::Silent {
        // Without a server the client's connection closes.
        let Ok(mut server) = TcpStream::connect(server).await else { return };
        let small = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        if small.is_err() {
            return;
        }
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut changes = state.clone();
        let stopped = changes.wait_for(|state| cut(state) || state.silences != begun.silences);
        tokio::select! {
            () = pass(from_client, to_server, ProxySide::Client, state.clone(), &counts) => return,
            () = pass(from_server, to_client, ProxySide::Server, state.clone(), &counts) => return,
            _ = stopped => {}
        }
    }
    // The client hangs until it gives up.
    let cut = async {
        // An error means that the proxy is gone.
        state.wait_for(cut).await.is_ok()
    };
    let mut sink = tokio::io::sink();
    tokio::select! {
        _ = cut => {}
        _ = tokio::io::copy(&mut client, &mut sink) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    speaker: ProxySide,
    mut state: watch::Receiver<ProxyState>,
    counts: &ProxyCounts,
) {
    let mut bytes = vec![0; 65_536];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let link = state.borrow().link;
        if let Link::Slow(delay) = link {
            tokio::time::sleep(delay).await;
        }
        if state.borrow().holds(speaker) {
            if speaker == ProxySide::Client {
                counts.held.fetch_add(1, Ordering::Relaxed);
            }
            if state.wait_for(|state| !state.holds(speaker)).await.is_err() {
                return;
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

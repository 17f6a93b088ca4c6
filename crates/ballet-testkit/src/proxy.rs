//! A way to a server that can be slowed down, cut, or left hanging.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{Error, Result, machine};

/// A loopback port that passes everything on to a server; gone, with its connections, when it is
/// dropped.
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    state: watch::Sender<State>,
    listening: JoinHandle<()>,
}

/// How the way to the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Everything passes at once.
    #[default]
    Open,
    /// What is sent, in either direction, arrives so much later.
    Slow(Duration),
    /// Nothing passes, and nobody is told: as if the other machine had lost its power. The server
    /// sees its connections close. What was connected meanwhile, or is connected now, hangs for
    /// ever, also after the way is open again.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    way: Way,
    /// Connections from before the last silence hang.
    silences: u64,
    /// Connections from before the last cut are closed.
    cuts: u64,
}

impl Proxy {
    /// A way to the server that a URL names.
    ///
    /// # Errors
    ///
    /// If it is no URL with host and port, or if there is no free port.
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
        let (state, seen) = watch::channel(State::default());
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        drop(tokio::spawn(serve(client, server.clone(), seen.clone())));
                    }
                    // Too many open files, for instance: it passes.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Ok(Self { url, state, listening })
    }

    /// The server's URL by this way, with the same user and path.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Changes the way, for what is connected and for what will be.
    pub fn set(&self, way: Way) {
        self.state.send_modify(|state| {
            state.way = way;
            state.silences += u64::from(way == Way::Silent);
        });
    }

    /// Closes all connections; new ones are welcome.
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

async fn serve(mut client: TcpStream, server: (String, u16), mut state: watch::Receiver<State>) {
    let begun = *state.borrow_and_update();
    let cut = |state: &State| state.cuts != begun.cuts;
    if begun.way != Way::Silent {
        // A server that is not there: the client sees its connection close.
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
            () = pass(from_client, to_server, &state) => return,
            () = pass(from_server, to_client, &state) => return,
            _ = stopped => {}
        }
    }
    // The client hangs until it gives up by itself.
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

/// Passes everything on in one direction until one side closes.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &watch::Receiver<State>,
) {
    let mut bytes = vec![0; 65_536];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let way = state.borrow().way;
        if let Way::Slow(delay) = way {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const LONG: Duration = Duration::from_millis(300);

    /// A server that says back what it is told.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        format!("tcp://{address}")
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.url.port().unwrap())).await.unwrap()
    }

    async fn say(client: &mut TcpStream) -> std::io::Result<u8> {
        client.write_all(&[7]).await?;
        client.read_u8().await
    }

    #[tokio::test]
    async fn a_way_can_be_open_slow_cut_and_silent() {
        let proxy = Proxy::to(&echo().await).await.unwrap();
        let mut client = connect(&proxy).await;
        assert_eq!(say(&mut client).await.unwrap(), 7);

        proxy.set(Way::Slow(LONG / 3));
        let begun = Instant::now();
        assert_eq!(say(&mut client).await.unwrap(), 7);
        assert!(begun.elapsed() >= LONG / 3 * 2, "{:?}", begun.elapsed());
        proxy.set(Way::Open);

        proxy.cut();
        assert!(say(&mut client).await.is_err());
        let mut client = connect(&proxy).await;
        assert_eq!(say(&mut client).await.unwrap(), 7);

        proxy.set(Way::Silent);
        let mut late = connect(&proxy).await;
        for way in [Way::Silent, Way::Open] {
            proxy.set(way);
            for client in [&mut client, &mut late] {
                assert!(tokio::time::timeout(LONG, say(client)).await.is_err(), "it hangs");
            }
        }
        assert_eq!(say(&mut connect(&proxy).await).await.unwrap(), 7);
        drop(proxy);
        assert!(client.read_u8().await.is_err(), "it is closed");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_seen() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let proxy = Proxy::to(&format!("tcp://{nobody}")).await.unwrap();
        assert!(say(&mut connect(&proxy).await).await.is_err());
        assert!(Proxy::to("tcp://127.0.0.1").await.is_err());
    }
}

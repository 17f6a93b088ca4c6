//! PgBouncer in session mode, as far as it changes what a service sends: it refuses settings in the startup message, or
//! was told to ignore them.

use std::collections::BTreeMap;

use axum::Router;
use ballet::Settings;
use reqwest::Url;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::pressure::limits::Hotel;
use crate::pressure::stage::PressureStage;

const ASKS_FOR_TLS: u32 = 80_877_103;
const TAKEN: [&str; 6] =
    ["user", "database", "application_name", "client_encoding", "datestyle", "timezone"];

#[tokio::test(flavor = "multi_thread")]
async fn t126_limits_hold_behind_a_pooler_that_keeps_sessions() {
    let stage = PressureStage::new("pooler", Hotel::participant()).await;
    for (ignores, rooms) in [(false, 1), (true, 2)] {
        let url = pooler(stage.url(), ignores).await;
        let set = |settings: &mut Settings| settings.database_url = Some(url);
        let running = stage.start_with(Hotel::participant(), |_| Router::new(), set).await;
        stage.book("Rome");
        stage.until_count("room where city = 'Rome/30/60'", rooms).await;
        running.stop().await;
    }
}

/// Returns the URL of a pooler in front of a server.
async fn pooler(server: &str, ignores: bool) -> String {
    let mut url: Url = server.parse().expect("a URL");
    let host = url.host_str().expect("a host").to_owned();
    let server = (host, url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(port)).expect("a port");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                // The test sees a session that fails.
                serve(client, (&server.0, server.1), ignores).await.ok();
            });
        }
    });
    url.into()
}

fn is_taken(name: &str) -> bool {
    TAKEN.contains(&name.to_lowercase().as_str())
}

async fn serve(mut client: TcpStream, server: (&str, u16), ignores: bool) -> io::Result<()> {
    let startup = loop {
        let length = client.read_u32().await?.saturating_sub(8);
        let code = client.read_u32().await?;
        let mut message = vec![0; usize::try_from(length).unwrap_or_default()];
        client.read_exact(&mut message).await?;
        if code != ASKS_FOR_TLS {
            break message;
        }
        client.write_all(b"N").await?;
    };
    let mut texts = startup.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut settings = BTreeMap::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        settings.insert(name.to_string(), value.to_string());
    }
    settings.remove("");
    if let Some(name) = settings.keys().find(|name| !ignores && !is_taken(name)) {
        let said = format!("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0");
        client.write_u8(b'E').await?;
        client.write_u32(u32::try_from(said.len()).unwrap_or_default() + 4).await?;
        return client.write_all(said.as_bytes()).await;
    }
    settings.retain(|name, _| is_taken(name));
    let pairs: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
    let message = pairs.concat() + "\0";
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    server.write_u32(u32::try_from(message.len()).unwrap_or_default() + 8).await?;
    server.write_u32(3 << 16).await?;
    server.write_all(message.as_bytes()).await?;
    io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

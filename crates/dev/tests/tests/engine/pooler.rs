//! A database behind a pooler that lends a session for each transaction anew.

use std::sync::Arc;

use ballet::core::{System, topology};
use ballet::{Service, Settings};
use ballet_stage::{Servers, TestEnv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::trip::{HOTEL_TABLES, Trouble, hotel};
use crate::world::SOON;

/// The one session with the server, once somebody has signed in.
type Lent = Arc<Mutex<Option<TcpStream>>>;

/// Takes connections in, and has all of them share one session, transaction by transaction.
async fn pool(server: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let lent = Lent::default();
    tokio::spawn(async move {
        for number in 0_u8.. {
            let Ok((client, _)) = listener.accept().await else { return };
            let (lent, server) = (Arc::clone(&lent), server.clone());
            // Either side ends it by hanging up.
            tokio::spawn(async move { serve(client, number, &lent, &server).await.ok() });
        }
    });
    port
}

async fn serve(
    mut client: TcpStream,
    number: u8,
    lent: &Lent,
    server: &str,
) -> std::io::Result<()> {
    // Packets must not wait 40 ms for acknowledgements.
    client.set_nodelay(true)?;
    let hello = loop {
        let length = client.read_u32().await?;
        let mut hello = vec![0; usize::try_from(length).expect("short") - 4];
        client.read_exact(&mut hello).await?;
        // Neither TLS nor GSS.
        if hello.len() > 4 {
            break [&length.to_be_bytes()[..], &hello].concat();
        }
        client.write_all(b"N").await?;
    };
    let mut session = lent.lock().await;
    if session.is_some() {
        // Signed in, and ready.
        client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await?;
    } else {
        let mut server = TcpStream::connect(server).await?;
        server.set_nodelay(true)?;
        server.write_all(&hello).await?;
        loop {
            let answer = frame(&mut server).await?;
            client.write_all(&answer).await?;
            match (answer[0], answer.last()) {
                (b'Z', _) => break,
                // Signing in goes to and fro; only its last words want no answer.
                (b'R', _) if ![0, 12].contains(&answer[8]) => {
                    let reply = frame(&mut client).await?;
                    server.write_all(&reply).await?;
                }
                _ => {}
            }
        }
        *session = Some(server);
    }
    drop(session);
    loop {
        let asked = frame(&mut client).await?;
        if asked[0] == b'X' {
            return Ok(());
        }
        let mut lent = lent.lock().await;
        // A client that has signed in to a session that is gone is disconnected.
        let Some(mut session) = lent.take() else { return Ok(()) };
        session.write_all(&renamed(asked, number)).await?;
        transaction(&mut client, &mut session, number).await?;
        // A client that hangs up in the midst of a transaction takes the session with it: nobody else may
        // get the answers that it did not read.
        *lent = Some(session);
    }
}

/// Passes on what both say until the transaction has ended.
async fn transaction(
    client: &mut TcpStream,
    session: &mut TcpStream,
    number: u8,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = session.split();
    // A frame that has begun comes whole: both ends are on this machine.
    let mut kind = [0];
    loop {
        tokio::select! {
            read = from_client.read_exact(&mut kind) => {
                read?;
                let asked = rest(kind[0], &mut from_client).await?;
                to_server.write_all(&renamed(asked, number)).await?;
            }
            answer = from_server.read_u8() => {
                let answer = rest(answer?, &mut from_server).await?;
                to_client.write_all(&answer).await?;
                if answer[0] == b'Z' && answer[5] == b'I' {
                    return Ok(());
                }
            }
        }
    }
}

/// Keeps the prepared statements of clients apart, as poolers of today do: by another name of the
/// same length.
fn renamed(mut frame: Vec<u8>, number: u8) -> Vec<u8> {
    let mark = b"sqlx_s_";
    // Only these name statements: parse, bind, describe, close.
    if b"PBDC".contains(&frame[0])
        && let Some(at) = frame.windows(mark.len()).position(|part| part == mark)
    {
        frame[at] = b'A' + number % 26;
    }
    frame
}

async fn frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let kind = stream.read_u8().await?;
    rest(kind, stream).await
}

async fn rest(kind: u8, stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut body = vec![0; usize::try_from(length).expect("short") - 4];
    stream.read_exact(&mut body).await?;
    Ok([&[kind][..], &length.to_be_bytes(), &body].concat())
}

#[tokio::test]
async fn t126_behind_a_pooler_that_shares_sessions_a_service_does_not_start_and_says_why() {
    let servers = Servers::shared().await.expect("servers");
    let hotel = || hotel(Trouble::default());
    let system = System { name: "trips", parts: vec![hotel().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "pooled", &definitions, &["hotel"])
        .await
        .expect("a test environment");
    let url = env.database_url("hotel");
    let (before, after) = url.split_once('@').expect("a user");
    let (server, database) = after.split_once('/').expect("a database");
    let port = pool(server.to_owned()).await;
    let pooled = format!("{before}@127.0.0.1:{port}/{database}");
    let service = Service::new(hotel()).migrations(HOTEL_TABLES);
    let settings = Settings::new("amqp://nobody:nothing@127.0.0.1:1/pooled", pooled);
    let started = timeout(4 * SOON, service.start(settings)).await.expect("an answer");
    let error = started.map(|_| ()).expect_err("it starts").to_string();
    assert!(error.contains("pooler") && error.contains("session mode"), "{error}");
    env.close().await.expect("closed");
}

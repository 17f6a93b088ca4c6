//! Servers at a numeric IPv6 address.

use ballet::{Service, Settings};
use ballet_testkit::health::until_ready;
use reqwest::Url;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::trip::HOTEL_TABLES;
use crate::world::{TripWorld, the_hotel};

/// Returns the URL of the same server at `[::1]`; none where this machine has no such address.
async fn six(url: &str, usual_port: u16) -> Option<String> {
    let mut url = Url::parse(url).unwrap();
    let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(usual_port));
    let listener = TcpListener::bind("[::1]:0").await.ok()?;
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    url.set_host(Some("[::1]")).unwrap();
    url.set_port(Some(port)).unwrap();
    Some(url.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_works_with_servers_at_addresses_in_brackets() {
    let world = TripWorld::prepared("six", vec![the_hotel()]).await;
    let broker = six(world.env.amqp_url("hotel"), 5672).await;
    let database = six(world.env.database_url("hotel"), 5432).await;
    let Some((broker, database)) = broker.zip(database) else {
        use std::io::Write;
        // Past the harness, which keeps what a test that passes prints.
        writeln!(std::io::stderr(), "SKIPPED six: this machine has no address ::1").ok();
        return;
    };
    assert!(broker.contains("@[::1]:") && database.contains("@[::1]:"), "{broker}");
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    let running = service.start(Settings::new(broker, database)).await.unwrap();
    until_ready(running.address(), "a ready service", |status, _| status == 200).await;
    running.stop().await;
}

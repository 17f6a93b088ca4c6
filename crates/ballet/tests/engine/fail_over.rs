//! A database whose primary is lost, and whose synchronous standby is promoted under load.

use ballet::Settings;
use ballet_testkit::{Options, Postgres, Servers};
use reqwest::Url;

use crate::restarts::{Customers, SAGAS, all_ended_once, everybody};
use crate::trip::{DESK_TABLES, HOTEL_TABLES, Rental, Trouble, cars, desk, hotel};
use crate::world::{World, part};

fn port(server: &Postgres) -> u16 {
    Url::parse(server.url()).expect("a URL").port().expect("a port")
}

/// The services, each with both servers in its URL.
async fn with_two_hosts(servers: &Servers, standby: &Postgres, name: &str) -> World {
    let mut world = everybody(servers, name).await;
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    let both = format!("127.0.0.1:{},127.0.0.1:{}", port(servers.postgres()), port(standby));
    let one = format!("127.0.0.1:{}", port(servers.postgres()));
    let two_hosts = |settings: &mut Settings| {
        let url = settings.database_url.as_mut().expect("a URL");
        *url = format!("{}?target_session_attrs=read-write", url.replace(&one, &both));
    };
    world.start_with(part(desk(), DESK_TABLES), two_hosts).await;
    world.start_with(part(hotel(Trouble::default()), HOTEL_TABLES), two_hosts).await;
    world.start_with(part(cars(Rental::default()), &[]), two_hosts).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn t196_a_primary_that_is_killed_is_replaced_by_its_synchronous_standby() {
    let servers = Servers::private(Options::fast()).await.expect("servers");
    let standby = servers.postgres().synchronous_standby().await.expect("a standby");
    let mut world = with_two_hosts(&servers, &standby, "fail_over").await;
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    servers.postgres().kill().await.expect("killed");
    standby.promote().await.expect("promoted");
    world.asked_at = Some(port(&standby));
    all_ended_once(&world, customers.leave().await).await;
    drop(world);
    servers.stop().await.expect("stopped");
}

/// The primary seems to be lost, but only stands still. When it goes on, it still takes writes, and
/// nobody may use it.
#[tokio::test(flavor = "multi_thread")]
async fn t196_a_primary_that_comes_back_after_the_promotion_is_used_no_more() {
    let servers = Servers::private(Options::fast()).await.expect("servers");
    let standby = servers.postgres().synchronous_standby().await.expect("a standby");
    let mut world = with_two_hosts(&servers, &standby, "frozen").await;
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    servers.postgres().freeze().await.expect("frozen");
    standby.promote().await.expect("promoted");
    let booked = customers.rush();
    customers.booked(booked).await;
    servers.postgres().thaw().await.expect("thawed");
    world.asked_at = Some(port(&standby));
    all_ended_once(&world, customers.leave().await).await;
    drop(world);
    servers.stop().await.expect("stopped");
}

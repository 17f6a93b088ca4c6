//! A database whose primary is lost, and whose synchronous standby is promoted under load.

use ballet::Settings;
use ballet_stage::{Options, Postgres, Servers};
use reqwest::Url;

use crate::restarts::{Customers, SAGAS, all_ended_once};
use crate::trip::{DESK_TABLES, Rental, cars, desk};
use crate::world::{TripWorld, everybody, part, the_hotel};

fn port(server: &Postgres) -> u16 {
    Url::parse(server.url()).expect("a URL").port().expect("a port")
}

async fn with_two_hosts(servers: &Servers, standby: &Postgres, name: &str) -> TripWorld {
    let mut world = TripWorld::on(servers, name, everybody(Rental::default())).await;
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    let two_hosts = |settings: &mut Settings| name_both(settings, servers, standby);
    world.start_with(part(desk(), DESK_TABLES), two_hosts).await;
    world.start_with(the_hotel(), two_hosts).await;
    world.start_with(part(cars(Rental::default()), &[]), two_hosts).await;
    world
}

fn name_both(settings: &mut Settings, servers: &Servers, standby: &Postgres) {
    let both = format!("127.0.0.1:{},127.0.0.1:{}", port(servers.postgres()), port(standby));
    let one = format!("127.0.0.1:{}", port(servers.postgres()));
    let url = settings.database_url.as_mut().expect("a URL");
    *url = format!("{}?target_session_attrs=read-write", url.replace(&one, &both));
}

/// The primary only stands still. When it goes on it takes writes, and nobody may use it.
#[tokio::test(flavor = "multi_thread")]
async fn t196_a_primary_that_comes_back_after_the_promotion_is_used_no_more() {
    let servers = Servers::own_postgres(Options::fast()).await.expect("servers");
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

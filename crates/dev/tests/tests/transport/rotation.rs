//! Passwords and certificates are replaced while messages flow. Certificates need no restart.

use std::collections::BTreeSet;

use crate::scene::rome;
use crate::tls::{Files, replace_certificates};
use crate::trip::{HOTEL_TABLES, RoomBooked};
use crate::world::{LONG, TripWorld, the_hotel};
use ballet::core::SagaId;
use ballet::core::topology::dead_queue;
use ballet::{Event, Running, Service, Settings};
use ballet_stage::{Servers, wait_until};
use ballet_testkit::certificates::Authority;
use ballet_testkit::health::until_ready;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

const HOTEL: &str = "hotel";

struct RotatedHotel {
    world: TripWorld,
    running: Running,
    sagas: Vec<SagaId>,
}

async fn start(settings: Settings) -> Running {
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    service.start(settings).await.unwrap()
}

impl RotatedHotel {
    async fn open(world: TripWorld, settings: Settings) -> Self {
        let mut scene = Self { world, running: start(settings).await, sagas: Vec::new() };
        scene.says("consume", "ok").await;
        scene.asks().await;
        scene
    }

    async fn asks(&mut self) {
        for _ in 0..20 {
            let saga = self.world.new_saga();
            self.world.publish(saga, &rome()).await;
            self.sagas.push(saga);
        }
    }

    async fn says(&self, part: &str, words: &str) {
        let is_said = |_, ready: &Value| ready[part].as_str().is_some_and(|it| it.contains(words));
        until_ready(self.running.address(), &format!("{part} to be {words:?}"), is_said).await;
    }

    async fn is_well(&self) {
        for part in ["database", "consume", "publish"] {
            self.says(part, "ok").await;
        }
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(self.world.env.admin_database_url(HOTEL)).await.unwrap()
    }

    /// Closes all connections, so that the service opens new ones.
    async fn cut(&self) {
        let management = self.world.env.management();
        let names = wait_until("its connections", LONG, || async {
            let open = management.connections().await.map_err(|error| error.to_string())?;
            let names = open.iter().map(|one| &one["client_properties"]["connection_name"]);
            let names = names.filter_map(Value::as_str).filter(|name| {
                name.starts_with("hotel consume ") || name.starts_with("hotel publish ")
            });
            let names: BTreeSet<String> = names.map(str::to_owned).collect();
            if names.len() == 2 { Ok(Some(names)) } else { Err(format!("{names:?}")) }
        });
        for name in names.await.unwrap() {
            management.close_connections(&name).await.unwrap();
        }
        self.cut_off_database().await;
    }

    async fn cut_off_database(&self) {
        let role = user(self.world.env.database_url(HOTEL));
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"
        );
        self.admin().await.execute(AssertSqlSafe(end)).await.unwrap();
    }

    /// Checks that every room was booked once.
    async fn close(self) -> TripWorld {
        for saga in &self.sagas {
            self.world.event::<RoomBooked>(*saga).await;
        }
        // An event whose confirm was lost is published again, under its id.
        let booked = self.world.seen().await.into_iter().filter_map(|message| {
            let properties = &message["properties"];
            let is_it = properties["type"] == RoomBooked::TYPE.name();
            is_it.then(|| properties["message_id"].to_string())
        });
        assert_eq!(booked.collect::<BTreeSet<_>>().len(), self.sagas.len());
        let dead = self.world.env.management().depth(&dead_queue(HOTEL)).await.unwrap();
        assert_eq!(dead.ready, 0);
        self.running.stop().await;
        self.world
    }
}

fn user(url: &str) -> String {
    reqwest::Url::parse(url).unwrap().username().to_owned()
}

/// Certificates of another authority are taken from the same files.
pub(crate) async fn certificates_change(
    world: TripWorld,
    servers: &Servers,
    [old, new]: [&Authority; 2],
    mut settings: Settings,
) -> TripWorld {
    let files = Files::new("rotated");
    let ca = files.file("ca.pem", old.certificate());
    (settings.tls.amqp_ca_file, settings.tls.database_ca_file) = (Some(ca.clone()), Some(ca));
    let mut scene = RotatedHotel::open(world, settings).await;

    // This client accepts both certificates.
    let both = format!("{}{}", old.certificate(), new.certificate());
    files.file("ca.pem", &both);
    replace_certificates(servers, &new.identity(&["localhost"])).await;
    scene.asks().await;
    scene.cut().await;
    scene.is_well().await;
    scene.asks().await;
    files.file("ca.pem", new.certificate());
    scene.cut().await;
    scene.is_well().await;
    scene.asks().await;
    scene.close().await
}

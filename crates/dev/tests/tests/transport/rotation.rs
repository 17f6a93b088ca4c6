//! Passwords that are replaced while messages flow: no restart, nothing lost, nothing dead.

use std::collections::BTreeSet;

use ballet::core::SagaId;
use ballet::core::topology::dead_queue;
use ballet::{Event, Running, Service, Settings};
use ballet_stage::{Method, wait_until};
use ballet_testkit::health::until_ready;
use ballet_testkit::process_log::{log_here, text};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::scene::{asleep, rome};
use crate::tls::Files;
use crate::trip::{HOTEL_TABLES, RoomBooked};
use crate::world::{LONG, TripWorld, the_hotel};

const HOTEL: &str = "hotel";

/// A hotel whose URLs are in files, and its bookings.
struct RotatedHotel {
    world: TripWorld,
    files: Files,
    running: Running,
    sagas: Vec<SagaId>,
}

impl RotatedHotel {
    async fn open(world: TripWorld, files: Files, urls: [String; 2]) -> Self {
        let mut settings = Settings::new("", "");
        (settings.amqp_url, settings.database_url) = (None, None);
        settings.amqp_url_file = Some(files.file("amqp", &urls[0]));
        settings.database_url_file = Some(files.file("database", &urls[1]));
        let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
        let running = service.start(settings).await.unwrap();
        let mut scene = Self { world, files, running, sagas: Vec::new() };
        scene.says("consume", "ok").await;
        scene.asks().await;
        scene
    }

    /// Asks for some more rooms.
    async fn asks(&mut self) {
        for _ in 0..20 {
            let saga = self.world.new_saga();
            self.world.publish(saga, &rome()).await;
            self.sagas.push(saga);
        }
    }

    /// Waits until readiness says this of a part.
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

    /// Ends what the service has open: whatever it opens from now on is new.
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
        let role = user(self.world.env.database_url(HOTEL));
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"
        );
        self.admin().await.execute(AssertSqlSafe(end)).await.unwrap();
    }

    /// Every room was booked, once, by the process that was there from the start.
    async fn close(self) {
        for saga in &self.sagas {
            self.world.event::<RoomBooked>(*saga).await;
        }
        // An event whose confirm was cut off is published again, under its id.
        let booked = self.world.seen().await.into_iter().filter_map(|message| {
            let properties = &message["properties"];
            let is_it = properties["type"] == RoomBooked::TYPE.name();
            is_it.then(|| properties["message_id"].to_string())
        });
        assert_eq!(booked.collect::<BTreeSet<_>>().len(), self.sagas.len());
        let dead = self.world.env.management().depth(&dead_queue(HOTEL)).await.unwrap();
        assert_eq!(dead.ready, 0);
        self.running.stop().await;
    }
}

fn user(url: &str) -> String {
    reqwest::Url::parse(url).unwrap().username().to_owned()
}

fn with_password(url: &str, password: &str) -> String {
    let mut url = reqwest::Url::parse(url).unwrap();
    url.set_password(Some(password)).unwrap();
    url.into()
}

#[tokio::test]
async fn t228_replaced_passwords_are_taken_from_their_files_and_a_refused_login_is_said() {
    log_here();
    let world = asleep("rotation", vec![the_hotel()]).await;
    let [amqp, database] = [world.env.amqp_url(HOTEL), world.env.database_url(HOTEL)];
    let urls = [amqp.to_owned(), database.to_owned()];
    let files = Files::new("rotation");
    let mut scene = RotatedHotel::open(world, files, urls.clone()).await;

    // The broker's comes first, the file later.
    let change = json!({ "password": "of-tomorrow", "tags": "management" });
    let path = ["users", &user(&urls[0])];
    let management = scene.world.env.management();
    management.call(Method::PUT, &path, Some(&change)).await.unwrap();
    scene.cut().await;
    scene.says("consume", "refused the login").await;
    scene.says("publish", "AMQP_URL_FILE").await;
    scene.asks().await;
    scene.files.file("amqp", "no URL");
    scene.files.file("amqp", &with_password(&urls[0], "of-tomorrow"));
    scene.is_well().await;
    scene.asks().await;

    let change = format!("alter role \"{}\" password 'of-tomorrow'", user(&urls[1]));
    scene.admin().await.execute(AssertSqlSafe(change)).await.unwrap();
    scene.cut().await;
    scene.says("database", "refuses the login: password authentication failed").await;
    wait_until("the log to say so", LONG, || async {
        let is_said = text().contains("the database refuses the login: password authentication");
        Ok::<_, String>(is_said.then_some(()))
    })
    .await
    .unwrap();
    scene.asks().await;
    scene.files.file("database", &with_password(&urls[1], "of-tomorrow"));
    scene.is_well().await;
    scene.asks().await;
    scene.close().await;
}

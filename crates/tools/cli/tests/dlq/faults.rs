//! Each fault has one cause, and the console's first page, its page of services, `ballet doctor`, `ballet sagas stuck`
//! and `/readyz` name it alike.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::topology::ROUTE;
use ballet_amqp::RabbitMq;
use ballet_check::Contracts;
use ballet_console::{Console, Options as ConsoleOptions};
use ballet_stage::{Database, Method, Options, Servers, wait_until};
use ballet_testkit::command::ended;
use reqwest::{Client, Url, header, redirect};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

use crate::doctor::{ExaminedSystem, each_thing_that_is_broken_is_named_with_what_to_do};
use crate::world::TICKED;

/// Readiness names what it compares every 20 seconds, or a lock that is held for 30.
const SEEN: Duration = Duration::from_secs(120);

/// An operator looks at its pages. Nobody breaks the server of its database.
pub(crate) struct WatchingConsole {
    http: Client,
    at: String,
    cookie: String,
    task: JoinHandle<()>,
    _database: Database,
}

impl Drop for WatchingConsole {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WatchingConsole {
    pub(crate) async fn new(
        contracts: &Path,
        amqp_url: &str,
        management_url: String,
        databases: Vec<(String, PgConnectOptions)>,
    ) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "watching").await.expect("a database");
        let contracts = Box::leak(Box::new(Contracts::read(contracts).expect("contracts")));
        let broker = Arc::new(RabbitMq::new(amqp_url).expect("a URL"));
        let own = database.url().parse().expect("a URL");
        let options = ConsoleOptions {
            databases,
            management: Some(management_url),
            ..ConsoleOptions::new(contracts, broker, own)
        };
        let mut console = Console::open(options).await.expect("it opens");
        let first = console.first.take().expect("an account");
        let at = format!("http://{}", console.address);
        let task = tokio::spawn(async move { console.run().await.expect("it runs") });
        let http = Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
        let login = http.post(format!("{at}/login")).header(header::ORIGIN, &at);
        let form = format!("name={}&password={}", first.name, first.password);
        let login =
            login.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let answer = login.send().await.expect("an answer");
        let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        Self { http, at, cookie, task, _database: database }
    }

    async fn page(&self, path: &str) -> Result<String, String> {
        let asked =
            self.http.get(format!("{}{path}", self.at)).header(header::COOKIE, &self.cookie);
        let answer = asked.send().await.map_err(|error| error.to_string())?;
        answer.text().await.map_err(|error| error.to_string())
    }

    pub(crate) async fn shows(&self, path: &str, says: &str) {
        wait_until(&format!("{path} to show {says}"), SEEN, || async {
            let page = self.page(path).await?;
            if page.contains(says) { Ok(Some(())) } else { Err(page) }
        })
        .await
        .expect("it is shown");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    All,
    /// The service does not depend on it, cannot answer, or has its own tests.
    NotReadiness,
    NoSagas,
}

struct Watched {
    patient: ExaminedSystem,
    console: WatchingConsole,
}

impl Watched {
    async fn on(servers: &Servers) -> Self {
        let patient = ExaminedSystem::new(servers).await;
        patient.is_well().await;
        let url = patient.world.env.database_url("counter").parse().expect("a URL");
        let contracts = patient.world.place.join("clocks");
        let databases = vec![("counter".to_owned(), url)];
        let env = &patient.world.env;
        let (amqp, management) = (env.amqp_url("redrive"), env.management_url());
        let console = WatchingConsole::new(&contracts, amqp, management, databases).await;
        let watched = Self { patient, console };
        watched.are_well().await;
        watched
    }

    async fn name(&self, cause: &str, places: Places) {
        let doctor = async {
            self.patient.has_also(cause, "").await;
        };
        let first = format!(": {cause}</strong>");
        let row = format!("<strong>{cause}</strong>");
        let (first, row) = (self.console.shows("/", &first), self.console.shows("/services", &row));
        tokio::join!(doctor, first, row);
        if places != Places::NoSagas {
            wait_until(&format!("sagas stuck to name {cause}"), SEEN, || async {
                let stuck = ended(self.patient.command(&["sagas", "stuck"])).await;
                let is_named = stuck.err.contains(&format!("{cause}: "));
                if is_named { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
            })
            .await
            .expect("it is named");
        }
        if places == Places::All {
            let service = self.patient.world.service.as_ref().expect("it runs");
            let url = format!("http://{}/readyz", service.address());
            wait_until(&format!("readiness to name {cause}"), SEEN, || async {
                let ready = self.console.http.get(&url).send().await;
                let ready: Value = ready
                    .map_err(|error| error.to_string())?
                    .json()
                    .await
                    .map_err(|error| error.to_string())?;
                let causes = ready["causes"].as_array().into_iter().flatten();
                let is_named = causes.into_iter().any(|named| named == cause);
                if is_named { Ok(Some(())) } else { Err(ready.to_string()) }
            })
            .await
            .expect("it is named");
        }
    }

    async fn are_well(&self) {
        self.patient.is_well().await;
        wait_until("a first page that is well", SEEN, || async {
            let page = self.console.page("/").await?;
            let is_well = page.contains("well</span>") && !page.contains("class=\"unwell\"");
            if is_well { Ok(Some(())) } else { Err(page) }
        })
        .await
        .expect("it is well");
    }
}

/// One set of servers for all: each of these takes as long as its start.
#[tokio::test(flavor = "multi_thread")]
async fn t217_t220_t221_what_is_broken_has_one_name_in_all_places() {
    let servers = Servers::private(Options::durable()).await.expect("servers of our own");
    Box::pin(each_thing_that_is_broken_is_named_with_what_to_do(&servers)).await;
    let mut watched = Watched::on(&servers).await;
    Box::pin(each_fault_of_a_database_or_a_service_has_one_name(&servers, &mut watched)).await;
    Box::pin(each_fault_of_the_broker_has_one_name(&servers, &watched)).await;
    watched.patient.world.close().await;
}

async fn each_fault_of_the_broker_has_one_name(servers: &Servers, watched: &Watched) {
    let patient = &watched.patient;
    let vhost = patient.world.env.vhost().to_owned();

    patient.delete(&["bindings", "e", ROUTE, "q", "counter", TICKED]).await;
    watched.name("binding", Places::All).await;
    patient.apply().await;
    watched.are_well().await;

    let url: Url = patient.world.env.amqp_url("counter").parse().expect("a URL");
    for (password, is_wrong) in [("another", true), (url.password().expect("one"), false)] {
        let user = json!({ "password": password, "tags": "" });
        patient.call(Method::PUT, &["users", "counter"], &user).await;
        if is_wrong {
            let rabbitmq = servers.rabbitmq();
            let close = ["close_all_connections", "--vhost", &*vhost, "a test"];
            rabbitmq.control(&close).await.expect("closed");
            watched.name("broker login", Places::All).await;
        }
    }
    watched.are_well().await;

    servers.rabbitmq().kill().await.expect("killed");
    watched.name("broker", Places::All).await;
    servers.rabbitmq().start().await.expect("started");
    watched.are_well().await;

    patient.world.dead_ticks(3).await;
    watched.name("dead letters", Places::NoSagas).await;
}

async fn each_fault_of_a_database_or_a_service_has_one_name(
    servers: &Servers,
    watched: &mut Watched,
) {
    let mut db = watched.patient.world.database().await;

    db.execute("begin; lock table counted in access exclusive mode").await.expect("locked");
    watched.name("lock", Places::All).await;
    db.execute("rollback").await.expect("free");
    watched.are_well().await;

    db.execute("revoke insert on counted from current_user").await.expect("revoked");
    watched.name("right", Places::All).await;
    db.execute("grant insert on counted to current_user").await.expect("granted");
    watched.are_well().await;

    // As if a provider had answered 500 to all of a step's calls. Nobody repeats this one.
    db.execute(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, attempts, \
             next_at, last_error) values (gen_random_uuid(), gen_random_uuid(), 'count_ticks', '', false, '', 0, \
             now(), 3, 'infinity', 'the provider answers 500')",
    )
    .await
    .expect("a call");
    watched.name("provider", Places::NotReadiness).await;
    db.execute("delete from ballet.call").await.expect("deleted");
    watched.are_well().await;

    watched.patient.world.stop().await;
    watched.name("process", Places::NotReadiness).await;
    watched.patient.world.start().await;
    watched.are_well().await;

    let mut admin = PgConnection::connect(servers.postgres().url()).await.expect("a session");
    let folder: String =
        sqlx::query_scalar("show data_directory").fetch_one(&mut admin).await.expect("a folder");
    drop((db, admin));
    servers.postgres().kill().await.expect("killed");
    std::fs::write(Path::new(&folder).join("standby.signal"), "").expect("written");
    servers.postgres().start().await.expect("it answers");
    watched.name("recovery", Places::All).await;
    servers.postgres().promote().await.expect("promoted");
    watched.are_well().await;
}

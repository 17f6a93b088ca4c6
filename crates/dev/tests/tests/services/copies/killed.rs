//! Owner and reader as processes on a real broker, killed in the middle of a run while changes go on.

use axum::extract::{Path, State};
use axum::routing::post;
use ballet::core::{System, topology};
use ballet::{Handle, Participant, Service, Settings};
use ballet_stage::{OwnProcess, Servers, TestEnv};
use ballet_testkit::until_yields;
use sqlx::{Connection, PgConnection};

use crate::copies::lamps::{HOUSE_TABLES, change, house, reader};
use crate::copies::stage::{LONG, until_equal};

const SERVICE: &str = "LAMPS_SERVICE";
const AMQP: &str = "LAMPS_AMQP_URL";
const DATABASE: &str = "LAMPS_DATABASE_URL";

struct ReaderProcess {
    name: &'static str,
    process: OwnProcess,
    address: String,
}

impl ReaderProcess {
    async fn start(name: &'static str, env: &TestEnv) -> Self {
        let process = OwnProcess::start("copies::killed::service", |command| {
            command
                .env(SERVICE, name)
                .env(AMQP, env.amqp_url(name))
                .env(DATABASE, env.database_url(name));
        });
        let mut process = process.expect("a process");
        let address = process.serving().await.expect("it serves");
        Self { name, process, address }
    }

    /// Kills it, and starts it again.
    async fn again(mut self, env: &TestEnv) -> Self {
        self.process.kill().await.expect("killed");
        Self::start(self.name, env).await
    }
}

async fn db(env: &TestEnv, service: &str) -> PgConnection {
    PgConnection::connect(env.database_url(service)).await.expect("a database")
}

async fn until(env: &TestEnv, service: &str, sql: &str) {
    until_yields(env.database_url(service), sql, "true", LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_after_its_owner_and_its_reader_were_killed() {
    let servers = Servers::shared().await.expect("servers");
    let parts = [house(), reader("porter"), reader("gardener")];
    let parts: Vec<_> = parts.iter().map(Participant::part).collect();
    let definitions = topology::definitions(&System { name: "town", parts }, |_| String::new());
    let names = ["house", "porter", "gardener"];
    let env =
        TestEnv::prepared(servers, "lamps", &definitions, &names).await.expect("an environment");
    let mut house = ReaderProcess::start("house", &env).await;
    let lamps = "insert into lamp select 'old' || at, 1 + at % 3, \
        case when at % 5 > 0 then 'text ' || at end from generate_series(1, 6000) as at";
    sqlx::query(lamps).execute(&mut db(&env, "house").await).await.expect("lamps");
    let mut porter = ReaderProcess::start("porter", &env).await;

    // Against hangs only.
    let client = reqwest::Client::builder().timeout(LONG).build().expect("HTTP");
    for published in [500, 2_500, 4_500] {
        let begun = format!("select entities >= {published} from ballet.republication");
        until(&env, "house", &begun).await;
        house = house.again(&env).await;
        porter = porter.again(&env).await;
        for at in 0..20 {
            for (id, text) in [
                (format!("old{}", published + at), "changed"),
                (format!("old{}", 6_000 - published + at), ""),
                (format!("new{published}-{at}"), "new"),
            ] {
                let url = format!("{}/lamps/{id}", house.address);
                let answer = client.post(url).body(text).send().await.expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.status());
            }
        }
    }
    until(&env, "porter", "select filled_run is not null from ballet.copy_fill").await;
    until_equal(db(&env, "porter").await, db(&env, "house").await).await;
    until(&env, "house", "select done = requested from ballet.republication").await;
    let one = "select r.done = 1 and r.begun = 1 from ballet.republication r";
    until(&env, "house", one).await;
    drop((house, porter));
}

/// Not a test, but what the processes of the test run.
#[test]
fn service() {
    let Ok(name) = std::env::var(SERVICE) else { return };
    let setting = |name| std::env::var(name).expect("a setting");
    let mut settings = Settings::new(setting(AMQP), setting(DATABASE));
    settings.republish_rate = 1_000;
    let service = || match name.as_str() {
        "house" => Service::new(house()).migrations(HOUSE_TABLES).routes(routes),
        _ => Service::new(reader("porter")),
    };
    OwnProcess::serve(service, settings);
}

fn routes(handle: Handle) -> axum::Router {
    let set = async |State(handle): State<Handle>, Path(id): Path<String>, text: String| {
        change(&handle, &id, (!text.is_empty()).then_some(&text)).await;
    };
    axum::Router::new().route("/lamps/{id}", post(set)).with_state(handle)
}

//! A reading that crashes the server of the database does not stop its stream.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet::Settings;
use ballet_stage::{Database, Postgres, wait_until};
use reqwest::Url;
use sqlx::{Connection, Executor, PgConnection};

use crate::meter::{Beats, asleep, published, publisher, service};

/// Kills the server process of its caller, whom the server then takes for crashed: it ends all sessions, and recovers.
const CRASH: &str = "create function crash() returns void language plpgsql security definer as $$
    begin copy (select 1) to program 'kill -9 $PPID'; end $$";

async fn count(url: &str) -> Result<i64, sqlx::Error> {
    let mut db = PgConnection::connect(url).await?;
    sqlx::query_scalar("select count(*) from beat").fetch_one(&mut db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_under_which_the_database_was_lost_are_read_one_by_one() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let database = Database::new(&postgres, "crash_beat").await.expect("a database");
    let system = asleep("telemetry_crash_server").await;
    // It crashes with one of a backlog.
    let publishes = publisher(&system).await;
    published(&publishes, 1, 60..80).await;
    publishes.stop().await;
    let mut admin = Url::parse(postgres.url()).expect("a URL");
    admin.set_path(Url::parse(database.url()).expect("a URL").path());
    let mut operator = PgConnection::connect(admin.as_str()).await.expect("connected");
    operator.execute(CRASH).await.expect("a function");
    let before: Arc<Mutex<Vec<usize>>> = Arc::default();
    let beats = Beats { crashes: Some((4, Arc::clone(&before))), ..Beats::default() };
    let mut settings = Settings::new(system.env.amqp_url("meter"), database.url());
    settings.telemetry_batch = 1000;
    let running = service(beats).start(settings).await.expect("it starts");
    let all = wait_until("all to be read", Duration::from_secs(90), || async {
        let read = count(database.url()).await.map_err(|error| error.to_string())?;
        if read == 20 { Ok(Some(())) } else { Err(format!("{read} read")) }
    });
    all.await.expect("all are read");
    let crashes = before.lock().expect("nobody panics").clone();
    assert!(crashes[0] > 1 && crashes[1..] == [1; 3], "{crashes:?}");
    running.stop().await;
    system.close(0).await;
}

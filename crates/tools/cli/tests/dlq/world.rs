//! A service that counts its messages, and the command beside it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Failure, Migration, Participant, Projection, Running, Service, Settings, Tx};
use ballet_amqp::{Broker, Publish, RabbitMq};
use ballet_stage::{Method, Servers, TestEnv, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::until_yields;
use futures_util::StreamExt;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::process::Command;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const TICKED: &str = "clock.ticked.v1";
pub(crate) const TOCKED: &str = "clock.tocked.v1";

ballet_testkit::events! {
    Ticked = plain "clock.ticked.v1" { number: i64 }
    Tocked = plain "clock.tocked.v1" { number: i64 }
}

/// The number has no key, so that a number counted twice is seen.
const TABLES: &[Migration] = &[Migration {
    name: "0001_counted",
    sql: "create table counted (number bigint not null, word text not null); \
          create table trouble (word text primary key, kind text not null)",
}];

struct CountTicks;
struct CountTocks;

impl Projection for CountTicks {
    const NAME: &'static str = "count_ticks";
    type On = Ticked;

    async fn apply(&self, tx: &mut Tx<'_>, event: Ticked) -> Result<(), Failure> {
        count(tx, event.number, "tick").await
    }
}

impl Projection for CountTocks {
    const NAME: &'static str = "count_tocks";
    type On = Tocked;

    async fn apply(&self, tx: &mut Tx<'_>, event: Tocked) -> Result<(), Failure> {
        count(tx, event.number, "tock").await
    }
}

pub(crate) const FOR_A_WHILE: &str = "away for a while";

/// Fails while the table `trouble` says so.
async fn count(tx: &mut Tx<'_>, number: i64, word: &str) -> Result<(), Failure> {
    let trouble: Option<(String,)> = sqlx::query_as("select kind from trouble where word = $1")
        .bind(word)
        .fetch_optional(tx.db())
        .await?;
    if let Some((kind,)) = trouble {
        let is_permanent = kind != FOR_A_WHILE;
        return Err(if is_permanent { Failure::permanent(kind) } else { Failure::transient(kind) });
    }
    sqlx::query("insert into counted values ($1, $2)")
        .bind(number)
        .bind(word)
        .execute(tx.db())
        .await?;
    Ok(())
}

pub(crate) fn counter() -> Participant {
    Participant::new("counter").projects(CountTicks).projects(CountTocks)
}

fn definitions() -> Value {
    let system = System { name: "clocks", parts: vec![counter().part()] };
    topology::definitions(&system, |_| String::new())
}

pub(crate) struct CounterWorld {
    pub(crate) env: TestEnv,
    pub(crate) service: Option<Running>,
    pub(crate) place: PathBuf,
    /// Kept, as new sessions cost the server more than the counting.
    counts: PgPool,
    context: Clock,
}

impl CounterWorld {
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(Servers::shared().await.expect("servers"), name).await
    }

    pub(crate) async fn on(servers: &Servers, name: &str) -> Self {
        let env = TestEnv::prepared(servers, name, &definitions(), &["counter"]).await;
        Self::of(env.expect("a test environment"), name).await
    }

    /// There vhost and users have the declared names.
    pub(crate) async fn with_plain_names(servers: &Servers, name: &str) -> Self {
        let env = TestEnv::with_plain_names(servers, &definitions(), &["counter"]).await;
        Self::of(env.expect("a test environment"), name).await
    }

    async fn of(env: TestEnv, name: &str) -> Self {
        let place = place(name);
        let counts = PgPoolOptions::new().max_connections(1);
        let counts = counts.connect_lazy(env.database_url("counter")).expect("a URL");
        let mut world = Self { env, service: None, place, counts, context: Clock::system() };
        world.start().await;
        world
    }

    pub(crate) async fn start(&mut self) {
        let (amqp, database) = (self.env.amqp_url("counter"), self.env.database_url("counter"));
        let service = Service::new(counter()).migrations(TABLES);
        let mut settings = Settings::new(amqp, database);
        settings.management_url = Some(self.env.management().url().to_owned());
        let running = service.start(settings).await.expect("started");
        self.service = Some(running);
    }

    pub(crate) async fn stop(&mut self) {
        self.service.take().expect("it runs").stop().await;
    }

    pub(crate) async fn unbind(&self, event: &str) {
        let path = ["bindings", self.env.vhost(), "e", "route", "q", "counter", event];
        self.env.management().call(Method::DELETE, &path, None).await.expect("removed");
    }

    pub(crate) async fn purge(&self, queue: &str) {
        let path = ["queues", self.env.vhost(), queue, "contents"];
        let management = self.env.management();
        management.call(Method::DELETE, &path, None).await.expect("purged");
    }

    pub(crate) async fn emptied(&self) {
        self.purge("counter.dead").await;
        let all = sqlx::raw_sql("delete from counted; delete from trouble");
        all.execute(&mut self.database().await).await.expect("emptied");
        self.dead(0).await;
    }

    pub(crate) async fn retry_waits(&self) {
        let waits = "select count(*) from ballet.failure where next_at is not null";
        until_yields(self.env.database_url("counter"), waits, "1", SOON).await;
    }

    /// Sets the retry back, as if it had been due so long ago that its message is lost.
    pub(crate) async fn retry_is_overdue(&self) {
        let overdue = "update ballet.failure set next_at = next_at - interval '11 minutes'";
        sqlx::query(overdue).execute(&mut self.database().await).await.expect("overdue");
    }

    /// While the service runs, the message may be in either queue.
    pub(crate) async fn lose_what_waits(&mut self) {
        self.stop().await;
        self.has_ready("counter", 1).await;
        self.purge("counter").await;
        self.start().await;
    }

    pub(crate) async fn close(mut self) {
        if let Some(service) = self.service.take() {
            service.stop().await;
        }
        self.env.close().await.expect("closed");
        std::fs::remove_dir_all(&self.place).expect("removed");
    }

    pub(crate) fn new_id(&self) -> String {
        self.context.new_id(self.context.now()).to_string()
    }

    pub(crate) async fn trouble(&self, word: &str, is: bool) {
        self.trouble_of(word, is.then_some("the counter is full")).await;
    }

    pub(crate) async fn trouble_of(&self, word: &str, kind: Option<&str>) {
        let statement = match kind {
            Some(_) => "insert into trouble values ($1, $2)",
            None => "delete from trouble where word = $1 and $2::text is null",
        };
        let mut db = self.database().await;
        let done = sqlx::query(statement).bind(word).bind(kind).execute(&mut db).await;
        assert_eq!(done.expect("done").rows_affected(), 1);
    }

    pub(crate) async fn database(&self) -> PgConnection {
        PgConnection::connect(self.env.database_url("counter")).await.expect("a database")
    }

    pub(crate) async fn publish(&self, key: &str, properties: &Value, body: &str) {
        let published = self.env.management().publish("events", key, properties, body).await;
        assert!(published.expect("published"));
    }

    pub(crate) async fn tick(&self, event: &str, number: u64) -> String {
        let id = self.new_id();
        let properties = json!({ "message_id": id, "type": event });
        self.publish(event, &properties, &json!({ "number": number }).to_string()).await;
        id
    }

    pub(crate) async fn poison(&self, id: &str, body: &str) {
        let properties = json!({ "message_id": id, "type": TICKED });
        self.publish(TICKED, &properties, body).await;
        self.dead(1).await;
    }

    pub(crate) async fn are_redriven(&self, expected: &[u64]) {
        wait_until(&format!("dead letters redriven {expected:?}"), SOON, || async {
            let listed = self.list(&[]).await;
            let mut redrives: Vec<u64> =
                listed.iter().filter_map(|letter| letter["redrives"].as_u64()).collect();
            redrives.sort_unstable();
            if redrives == expected { Ok(Some(())) } else { Err(format!("{redrives:?}")) }
        })
        .await
        .expect("redriven");
    }

    pub(crate) async fn dead_ticks(&self, count: u64) -> Vec<String> {
        self.trouble("tick", true).await;
        let mut ids = Vec::new();
        for number in 0..count {
            ids.push(self.tick(TICKED, number).await);
        }
        self.dead(count).await;
        self.trouble("tick", false).await;
        ids
    }

    pub(crate) async fn dead(&self, count: u64) {
        self.has_ready("counter.dead", count).await;
    }

    pub(crate) async fn has_ready(&self, queue: &str, count: u64) {
        let management = self.env.management();
        let counted = management.until_depth(queue, SOON, |depth| depth.ready == count).await;
        counted.expect("so many messages");
    }

    pub(crate) async fn counted(&self) -> Vec<(i64, i64)> {
        let statement = "select number, count(*) from counted group by number order by number";
        sqlx::query_as(statement).fetch_all(&self.counts).await.expect("rows")
    }

    pub(crate) async fn is_counted(&self, number: i64) {
        self.are_counted(1).await;
        assert_eq!(self.counted().await, [(number, 1)]);
    }

    pub(crate) async fn are_counted(&self, count: i64) {
        wait_until(&format!("{count} numbers to be counted"), SOON, || async {
            let counted = self.counted().await.len();
            let done = i64::try_from(counted) == Ok(count);
            if done { Ok(Some(())) } else { Err(format!("{counted} so far")) }
        })
        .await
        .expect("counted");
    }

    /// Waits for the numbers up to this, each counted once.
    pub(crate) async fn all_counted_once(&self, count: i64) {
        self.are_counted(count).await;
        let expected: Vec<(i64, i64)> = (0..count).map(|number| (number, 1)).collect();
        assert_eq!(self.counted().await, expected);
    }

    /// Runs with the permissions to redrive and no others.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ballet(&self.env, &self.place);
        command.arg("dlq").args(arguments);
        command.args(["--service", "counter"]);
        command.env("DATABASE_URL", self.env.database_url("counter"));
        command
    }

    pub(crate) async fn ballet(&self, arguments: &[&str]) -> CommandOutput {
        ended(self.command(arguments)).await
    }

    pub(crate) async fn shown(&self, id: &str) -> Value {
        let shown: Value = self.ballet(&["show", id, "-o", "json"]).await.ends_with(0).json();
        shown[0].clone()
    }

    pub(crate) async fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["list", "-o", "json", "--limit", "100000"];
        all.extend(arguments);
        self.ballet(&all).await.ends_with(0).json()
    }
}

/// Waits until the broker has them.
pub(crate) async fn publish_all(url: &str, messages: impl IntoIterator<Item = Publish>) {
    let broker = RabbitMq::new(url).expect("a URL");
    let session = broker.connect("test").await.expect("a connection");
    let mut confirms = session.confirms().await.expect("confirms");
    let mut waiting = 0;
    for message in messages {
        session.publish(message).expect("published");
        waiting += 1;
        while waiting > 500 {
            waiting -= confirms.next().await.expect("confirms").expect("confirmed").len();
        }
    }
    while waiting > 0 {
        waiting -= confirms.next().await.expect("confirms").expect("confirmed").len();
    }
    session.close().await;
}

pub(crate) fn place(name: &str) -> PathBuf {
    // Two parallel tests may choose the same name.
    static PLACES: AtomicU32 = AtomicU32::new(0);
    let number = PLACES.fetch_add(1, Ordering::Relaxed);
    let place = format!("dlq-{name}-{}-{number}", std::process::id());
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
    std::fs::create_dir_all(&place).expect("a directory");
    place
}

pub(crate) fn ballet(env: &TestEnv, place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command
        .current_dir(place)
        .env("AMQP_URL", env.amqp_url("redrive"))
        .env("BALLET_OPERATOR", "ada")
        .env_remove("AMQP_URL_FILE")
        .env_remove("RABBITMQ_MANAGEMENT_URL")
        .env_remove("RABBITMQ_MANAGEMENT_URL_FILE")
        .env_remove("DATABASE_URL_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

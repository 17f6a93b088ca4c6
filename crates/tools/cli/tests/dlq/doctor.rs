//! `ballet doctor` on a healthy system that is then broken, one thing after the other. The broken thing comes before
//! what follows from it.

use ballet::core::{contract, topology};
use ballet_stage::{Method, Servers, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::lost_journal::{
    a_journal_that_has_lost_what_it_promises_is_named, a_queue_whose_process_is_gone_is_named,
};
use crate::publish::contracts;
use crate::world::{CounterWorld, SOON, TICKED, ballet, counter};

pub(crate) struct ExaminedSystem {
    pub(crate) world: CounterWorld,
    management: String,
    database: String,
}

impl ExaminedSystem {
    pub(crate) async fn new(servers: &Servers) -> Self {
        let world = CounterWorld::with_plain_names(servers, "doctor").await;
        contracts(&world);
        let management = world.env.management_url();
        let database = world.env.database_url("counter").to_owned();
        let patient = Self { management, database, world };
        patient.begin_journal(0).await;
        patient
    }

    /// The broker needs some seconds to tell an empty journal from a slow one.
    async fn begin_journal(&self, number: u64) {
        self.world.tick(TICKED, number).await;
    }

    pub(crate) async fn call(&self, method: Method, path: &[&str], body: &Value) {
        self.world.env.management().call(method, path, Some(body)).await.expect("an answer");
    }

    async fn give_rights(&self, configure: &str) {
        let vhost = self.world.env.vhost();
        let system = contract::system(vhost, vec![counter().part()]);
        let wanted = topology::definitions(&system, |_| String::new());
        let of_counter = |section: &str| -> Vec<Value> {
            let all = wanted[section].as_array().expect("a list").iter();
            all.filter(|entry| entry["user"] == "counter").cloned().collect()
        };
        for mut entry in of_counter("permissions") {
            entry["configure"] = json!(configure);
            self.call(Method::PUT, &["permissions", vhost, "counter"], &entry).await;
        }
        for entry in of_counter("topic_permissions") {
            self.call(Method::PUT, &["topic-permissions", vhost, "counter"], &entry).await;
        }
    }

    async fn sql(&self, statement: &str) {
        let mut db = self.world.database().await;
        db.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.expect(statement);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ballet(&self.world.env, &self.world.place);
        command.env("BALLET_CONTRACTS", self.world.place.join("clocks"));
        command.env("DATABASE_URL", &self.database);
        command.env("RABBITMQ_MANAGEMENT_URL", &self.management);
        command.args(arguments);
        command
    }

    /// Returns the exit code, and of each problem the check and its finding.
    async fn examined(&self) -> (Option<i32>, Vec<(String, String)>) {
        let ended = ended(self.command(&["doctor", "--quiet", "-o", "json"])).await;
        let rows: Vec<Value> = ended.json();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        for row in &rows {
            assert!(row["state"] == "warning" || !text(row, "do").is_empty(), "{row}");
        }
        (ended.code, rows.iter().map(|row| (text(row, "cause"), text(row, "found"))).collect())
    }

    pub(crate) async fn has(&self, check: &str, found: &str) {
        self.find(check, found, false).await;
    }

    pub(crate) async fn has_also(&self, check: &str, found: &str) {
        self.find(check, found, true).await;
    }

    async fn find(&self, check: &str, found: &str, anywhere: bool) {
        wait_until(&format!("{check}: {found}"), SOON, || async {
            let (code, all) = self.examined().await;
            let first = if anywhere { all.len() } else { 1 };
            let is = |(one, said): &(String, String)| one == check && said.contains(found);
            let is_found = code == Some(3) && all.iter().take(first).any(is);
            if is_found { Ok(Some(())) } else { Err(format!("{code:?} {all:?}")) }
        })
        .await
        .expect("it is found");
    }

    pub(crate) async fn apply(&self) {
        let apply = ["topology", "apply", "--vhost", self.world.env.vhost()];
        ended(self.command(&apply)).await.succeeds();
    }

    pub(crate) async fn delete(&self, path: &[&str]) {
        let mut whole = vec![path[0], self.world.env.vhost()];
        whole.extend(&path[1..]);
        let deleted = self.world.env.management().call(Method::DELETE, &whole, None).await;
        deleted.expect("deleted");
    }

    pub(crate) async fn is_well(&self) {
        wait_until("a system that is well", SOON, || async {
            let (code, all) = self.examined().await;
            if code == Some(0) && all.is_empty() {
                Ok(Some(()))
            } else {
                Err(format!("{code:?} {all:?}"))
            }
        })
        .await
        .expect("it is well");
    }

    /// Until the service starts, nobody reads the queue and tomorrow has no partition.
    async fn has_both_until_started(&mut self) {
        wait_until("a queue without readers", SOON, || async {
            let (_, all) = self.examined().await;
            let checks: Vec<&str> = all.iter().map(|(check, _)| check.as_str()).collect();
            if checks == ["process", "partitions", "lag"] {
                Ok(Some(()))
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await
        .expect("both are found");
        self.world.start().await;
    }
}

/// As after an image with another libc. Postgres 14 does not notice.
async fn a_collation_of_another_version_is_named(patient: &ExaminedSystem) {
    let admin = patient.world.env.admin_database_url("counter");
    let mut db = PgConnection::connect(admin).await.expect("an administrator");
    let select = "select datcollversion from pg_database where datname = current_database()";
    let version: Result<Option<String>, _> = sqlx::query_scalar(select).fetch_one(&mut db).await;
    let Ok(version) = version else { return };
    let set = "update pg_database set datcollversion = $1 where datname = current_database()";
    sqlx::query(set).bind("0").execute(&mut db).await.expect("another version");
    patient.has("collation", "collation version").await;
    sqlx::query(set).bind(version).execute(&mut db).await.expect("its version");
}

pub(crate) async fn each_thing_that_is_broken_is_named_with_what_to_do(servers: &Servers) {
    let mut patient = ExaminedSystem::new(servers).await;
    patient.is_well().await;

    patient.give_rights(".*").await;
    patient.has("rights", "configure is \".*\" and should be \"^$\"").await;
    patient.give_rights("^$").await;

    let vhost = patient.world.env.vhost().to_owned();
    let user = json!({ "password": "legacy", "tags": "" });
    patient.call(Method::PUT, &["users", "legacy"], &user).await;
    let rights = json!({ "configure": "^$", "write": "^events$", "read": "^$" });
    patient.call(Method::PUT, &["permissions", &vhost, "legacy"], &rights).await;
    patient.has("rights", "nobody declares the user legacy").await;
    patient.call(Method::DELETE, &["users", "legacy"], &json!({})).await;

    let rabbitmq = servers.rabbitmq();
    for (what, low, high, check) in [
        (
            "set_vm_memory_high_watermark",
            &["absolute", "1MB"][..],
            &["absolute", "8GB"][..],
            "memory",
        ),
        ("set_disk_free_limit", &["9000GB"], &["1MB"], "disk"),
    ] {
        rabbitmq.control(&[&[what], low].concat()).await.expect("set");
        patient.has(check, &format!("the {check} alarm is on")).await;
        rabbitmq.control(&[&[what], high].concat()).await.expect("set");
    }

    patient.sql("alter role current_user set synchronous_commit = off").await;
    patient.has("durability", "synchronous_commit is off").await;
    patient.sql("alter role current_user reset synchronous_commit").await;

    a_collation_of_another_version_is_named(&patient).await;

    // A prepared transaction has no session.
    let mut db = patient.world.database().await;
    let prepare = "begin; lock table counted in exclusive mode; prepare transaction 'of_nobody'";
    db.execute(sqlx::raw_sql(prepare)).await.expect("prepared");
    patient.has("lock", "counted is locked by the prepared transaction 'of_nobody'").await;
    db.execute("rollback prepared 'of_nobody'").await.expect("free");

    // The service works.
    patient.delete(&["queues", topology::JOURNAL]).await;
    patient.has("queue", "queue `journal` is missing").await;
    patient.apply().await;
    patient.begin_journal(1).await;
    patient.is_well().await;

    let partition = "select inhrelid::regclass::text from pg_inherits where inhparent = \
                     'ballet.inbox'::regclass and inhrelid::regclass::text like '%' || \
                     to_char((now() at time zone 'UTC') + interval '1 day', 'YYYYMMDD')";
    let mut db = patient.world.database().await;
    let (tomorrow,): (String,) =
        sqlx::query_as(partition).fetch_one(&mut db).await.expect("a partition");
    patient.sql(&format!("alter table ballet.inbox detach partition {tomorrow}")).await;
    patient.has("partitions", &format!("{tomorrow} is missing")).await;
    patient.sql(&format!("drop table {tomorrow}")).await;
    patient.world.stop().await;
    // A starting service makes the partition.
    patient.has_both_until_started().await;
    patient.is_well().await;

    let url =
        std::mem::replace(&mut patient.database, "postgres://nobody@127.0.0.1:1/none".to_owned());
    patient.has("database", "Postgres at 127.0.0.1:1 cannot be reached").await;
    patient.database = url;
    let address =
        std::mem::replace(&mut patient.management, "http://ops:ops@127.0.0.1:1".to_owned());
    patient.has("management", "cannot be reached").await;
    patient.management = address;

    a_journal_that_has_lost_what_it_promises_is_named(&patient).await;
    a_queue_whose_process_is_gone_is_named(servers, &patient).await;
    patient.world.close().await;
}

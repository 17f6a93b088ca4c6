//! `ballet copies`: lists the copies, and rebuilds them.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::Versioned;
use ballet::core::{System, topology};
use ballet::{
    Entity, EntityEvent, Event, EventType, Migration, Participant, Running, Service, Settings,
};
use ballet_stage::{Servers, TestEnv};
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::memory::MemoryBroker;
use ballet_testkit::until_yields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::Command;

const LONG: Duration = Duration::from_secs(120);

/// Each book of the shelf in its version, and no other.
const AS_ON_THE_SHELF: &str = "select count(*) = 12000 and bool_and(version = 1 + id::int % 4 \
                               and (state is null) = (id::int % 10 = 0)) from ballet.copy";

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Book {
    title: String,
}

impl Entity for Book {
    const NAME: &'static str = "book";
    const REPUBLISHED: EventType = EventType::plain("shelf.books_republished.v1");
    const REQUESTS: &'static [EventType] = &[EventType::plain("desk.books_requested.v1")];
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct BookChanged {
    book: Versioned<Book>,
}

impl Event for BookChanged {
    const TYPE: EventType = EventType::plain("shelf.book_changed.v1");
}

impl EntityEvent for BookChanged {
    type Entity = Book;

    fn into_version(self) -> Versioned<Book> {
        self.book
    }
}

/// Numbers order otherwise than their texts.
const SHELF: &[Migration] = &[Migration {
    name: "0001_book",
    sql: "create table book (book_id bigint primary key, version bigint not null, title text); \
          create view shared_book as select book_id as id, version, \
              case when title is not null then jsonb_build_object('title', title) end as state \
              from book; \
          insert into book select at, 1 + at % 4, case when at % 10 > 0 then 'title' end \
              from generate_series(1, 12000) as at",
}];

/// The desk copies the shelf's books.
struct Library {
    env: TestEnv,
    broker: MemoryBroker,
    shelf: Option<Running>,
    _desk: Running,
}

fn shelf() -> Participant {
    Participant::new("shelf").publishes::<BookChanged>().shares::<Book>("shared_book")
}

impl Library {
    async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let desk = Participant::new("desk").copies::<Book>(|copy| copy.fed_by::<BookChanged>());
        let system = System { name: "library", parts: vec![shelf().part(), desk.part()] };
        let definitions = topology::definitions(&system, |_| String::new());
        let env = TestEnv::prepared(servers, name, &definitions, &["shelf", "desk"]).await;
        let env = env.expect("an environment");
        let broker = MemoryBroker::with_definitions(&definitions);
        let desk = start(&env, &broker, desk, &[]).await;
        let shelf = Some(start(&env, &broker, shelf(), SHELF).await);
        let library = Self { env, broker, shelf, _desk: desk };
        library.until("desk", "select filled_run is not null from ballet.copy_fill").await;
        library
    }

    async fn until(&self, service: &str, sql: &str) {
        until_yields(self.env.database_url(service), sql, "true", LONG).await;
    }

    async fn execute(&self, service: &str, sql: &str) {
        let mut db = PgConnection::connect(self.env.database_url(service)).await.expect("a door");
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        sql.execute(&mut db).await.expect("executed");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        // The databases' names differ in the service's name only.
        let url = self.env.admin_database_url("desk").replace("desk", "{service}");
        command.arg("copies").args(arguments).args(["--service", "desk"]).stdin(Stdio::null());
        command.env("DATABASE_URL", url);
        command
    }

    async fn ballet(&self, arguments: &[&str]) -> CommandOutput {
        ended(self.command(arguments)).await
    }

    async fn with_json(&self, arguments: &[&str]) -> CommandOutput {
        self.ballet(&[arguments, &["-o", "json"]].concat()).await
    }
}

async fn start(
    env: &TestEnv,
    broker: &MemoryBroker,
    participant: Participant,
    tables: &'static [Migration],
) -> Running {
    let settings = Settings::new("amqp://in.memory", env.database_url(participant.service()));
    let service = Service::new(participant).migrations(tables).broker(Arc::new(broker.clone()));
    service.start(settings).await.expect("started")
}

/// The last part changes a book.
#[tokio::test(flavor = "multi_thread")]
async fn copies_are_listed_and_rebuilt_and_an_interrupted_rebuild_goes_on() {
    let mut library = Library::new("library").await;
    copies_are_listed_and_brought_anew(&library).await;
    a_rebuild_without_its_owner_is_kept_and_goes_on_later(&mut library).await;
    a_copy_that_waits_for_a_change_is_listed_with_how_far_it_is_behind(&library).await;
}

async fn copies_are_listed_and_brought_anew(library: &Library) {
    let listed: Value = library.with_json(&["list"]).await.ends_with(0).json();
    assert_eq!(listed[0]["entities"], 12_000, "{listed}");
    assert_eq!(listed[0]["events_behind"], 0, "{listed}");
    library.ballet(&["list"]).await.ends_with(0).tells(&["12,000", "filled"]);

    library.execute("desk", "delete from ballet.copy where id = '9'").await;
    library.ballet(&["rebuild", "--dry-run"]).await.ends_with(0);
    let said = library.ballet(&["rebuild"]).await.ends_with(0).both();
    assert!(said.contains("desk has every book of shelf: 12,000"), "{said}");
    library.until("desk", AS_ON_THE_SHELF).await;
    library.ballet(&["rebuild", "--empty", "--entity", "book"]).await.ends_with(0);
    library.until("desk", AS_ON_THE_SHELF).await;
}

async fn a_copy_that_waits_for_a_change_is_listed_with_how_far_it_is_behind(library: &Library) {
    // The desk's lane waits for this row, and the owner's change for the lane.
    let mut held = PgConnection::connect(library.env.database_url("desk")).await.expect("a door");
    let lock = "begin; select from ballet.copy where id = '5' for update";
    sqlx::raw_sql(lock).execute(&mut held).await.expect("held");
    let handle = library.shelf.as_ref().expect("a shelf").handle();
    let mut unit = handle.unit().await.expect("a transaction");
    let changed = "update book set version = 50, title = 'new' where book_id = 5";
    sqlx::query(changed).execute(unit.tx().db()).await.expect("changed");
    let book = Versioned::of("5", 50, Book { title: "new".to_owned() });
    unit.tx().publish(&BookChanged { book }).await.expect("published");
    unit.commit().await.expect("committed");

    let listed: Value = library.with_json(&["list"]).await.json();
    assert_eq!(listed[0]["events_behind"], 48, "{listed}");
    held.close().await.expect("let go");
    library.until("desk", "select version = 50 from ballet.copy where id = '5'").await;
}

async fn a_rebuild_without_its_owner_is_kept_and_goes_on_later(library: &mut Library) {
    library.shelf.take().expect("a shelf").stop().await;
    let said = library.ballet(&["rebuild", "--empty", "--patience", "1"]).await.ends_with(3).both();
    assert!(said.contains("nothing has come for 1 s"), "{said}");
    library.ballet(&["list"]).await.tells(&["being filled"]);
    library.shelf = Some(start(&library.env, &library.broker, shelf(), SHELF).await);
    library.until("desk", "select filled_run is not null from ballet.copy_fill").await;
    library.until("desk", AS_ON_THE_SHELF).await;

    let mut without = library.command(&["list"]);
    without.env_remove("DATABASE_URL");
    ended(without).await.ends_with(2);
    let mut away = library.command(&["list"]);
    away.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/{service}");
    ended(away).await.ends_with(4);
    library.ballet(&["rebuild", "--entity", "pen"]).await.ends_with(1);
}

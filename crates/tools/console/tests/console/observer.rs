//! The observer stores each entry once, whatever happens.

use std::process::{Command, Stdio};
use std::time::Duration;

use ballet::Clock;
use ballet_amqp::{Publish, pack};
use ballet_console::Console;
use ballet_stage::{Link, Proxy};
use jiff::SignedDuration;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};

use crate::test_console::{CHECKED_OUT, PLACED, RESERVED, SOON, TestConsole, options};

const AMQP: &str = "BALLET_CONSOLE_TEST_AMQP";
const DATABASE: &str = "BALLET_CONSOLE_TEST_DATABASE";

async fn count(db: &mut PgConnection, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(db).await.expect("a number")
}

pub(crate) async fn until(db: &mut PgConnection, what: &'static str, expected: i64) {
    let end = Instant::now() + SOON;
    while count(db, what).await != expected {
        assert!(Instant::now() < end, "{what} is {}, not {expected}", count(db, what).await);
        sleep(Duration::from_millis(50)).await;
    }
}

const ENTRIES: &str = "select count(*) from console.entry";

#[test]
#[ignore = "the process that another test kills"]
fn child() {
    let (Ok(amqp), Ok(database)) = (std::env::var(AMQP), std::env::var(DATABASE)) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let console = Console::open(options(&amqp, &database)).await.expect("it opens");
        console.run().await.expect("it runs");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_is_lost_or_doubled_by_a_kill_in_the_middle_or_a_second_console() {
    const EACH: i64 = 3_000;
    const SAGAS: i64 = 100;
    let world = TestConsole::new("console_killed").await;
    let url = world.database.url().to_owned();
    // Before the process.
    drop(Console::open(world.options()).await.expect("it opens"));
    let mut db = PgConnection::connect(&url).await.expect("a session");
    let sagas: Vec<_> = (0..SAGAS).map(|_| world.id()).collect();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["observer::child", "--exact", "--ignored"])
            .env(AMQP, world.env.amqp_url("redrive"))
            .env(DATABASE, &url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let before = count(&mut db, ENTRIES).await;
        let of_saga = sagas.iter().cycle().zip(0..EACH);
        let messages = of_saga.map(|(saga, _)| world.event(PLACED, *saga, None, "{}")).collect();
        world.publish(messages).await;
        // Once it has added something.
        let end = Instant::now() + SOON;
        while count(&mut db, ENTRIES).await <= before {
            assert!(Instant::now() < end, "round {round}: nothing is added");
            sleep(Duration::from_millis(1)).await;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    let consoles = (world.console().await, world.console().await);
    until(&mut db, ENTRIES, 3 * EACH).await;
    let distinct = "select count(distinct place) from console.entry";
    assert_eq!(count(&mut db, distinct).await, 3 * EACH);
    let counted = "select sum(count)::bigint from console.flow";
    assert_eq!(count(&mut db, counted).await, 3 * EACH);
    let last = "select count(*) from console.saga s \
                where last_place = (select max(place) from console.entry e where e.saga = s.id)";
    until(&mut db, last, SAGAS).await;
    assert_eq!(count(&mut db, "select count(*) from console.gap").await, 0);
    drop(consoles);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_builds_anew_on_command_and_drops_what_is_old() {
    let world = TestConsole::new("console_rebuilt").await;
    let console = world.console().await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let messages = (0..10).map(|_| world.event(PLACED, world.id(), None, "{}")).collect();
    world.publish(messages).await;
    until(&mut db, ENTRIES, 10).await;
    until(&mut db, "select count(*) from console.saga", 10).await;
    drop(console);
    sqlx::query("update console.saga set last_type = 'spoilt'")
        .execute(&mut db)
        .await
        .expect("spoilt");
    // As tables of another release.
    sqlx::query("update console.progress set version = version - 1")
        .execute(&mut db)
        .await
        .expect("another version");
    let console = Console::open(world.options()).await.expect("it opens");
    assert_eq!(count(&mut db, ENTRIES).await, 0);
    let running = tokio::spawn(console.run());
    until(&mut db, ENTRIES, 10).await;
    assert_eq!(
        count(&mut db, "select count(*) from console.saga where last_type = 'spoilt'").await,
        0
    );
    until(&mut db, "select count(*) from console.saga", 10).await;
    running.abort();
    // A whole day, with the sagas that ended then.
    let old = "create table console.entry_20200101 partition of console.entry \
               for values from ('2020-01-01 00:00:00+00') to ('2020-01-02 00:00:00+00')";
    sqlx::query(old).execute(&mut db).await.expect("a day");
    let ended = "update console.saga set ended = 'completed', last_at = '2020-01-01' \
                 where id = (select min(id::text)::uuid from console.saga)";
    sqlx::query(ended).execute(&mut db).await.expect("ended");
    let _console = world.console().await;
    until(&mut db, "select count(*) from pg_class where relname = 'entry_20200101'", 0).await;
    until(&mut db, "select count(*) from console.saga", 9).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_saga_whose_first_entries_are_dropped_does_not_end_by_the_rest() {
    let world = TestConsole::new("console_dropped_first").await;
    let mut console = world.console().await;
    let first = console.first.take();
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let (died_again, sent_back) = (world.id(), world.id());
    world
        .publish([died_again, sent_back].map(|id| world.event(PLACED, id, None, "{}")).into())
        .await;
    until(&mut db, "select count(*) from console.saga where ended is null", 2).await;
    // Later entries create the day again.
    drop(console);
    let days = "select inhrelid::regclass::text from pg_inherits \
                where inhparent = 'console.entry'::regclass";
    let days: Vec<String> = sqlx::query_scalar(days).fetch_all(&mut db).await.expect("the days");
    for day in days {
        let gone = AssertSqlSafe(format!("drop table {day}"));
        sqlx::query(gone).execute(&mut db).await.expect("dropped");
    }
    let console = world.console().await;
    let password = &first.as_ref().expect("the first start").password;
    let browser = console.browser_of("operator", password).await;
    let noted = |saga| Publish {
        routing_key: "redriven.inventory".to_owned(),
        ..world.dead("inventory", PLACED, saga, "no shelf 17", b"{}")
    };
    let died = world.dead("inventory", PLACED, died_again, "no shelf 18", b"{}");
    world.publish(vec![noted(died_again), noted(sent_back), died]).await;
    until(&mut db, ENTRIES, 3).await;
    until(&mut db, "select count(*) from console.changed", 0).await;
    let page = browser.until(&format!("/sagas/{died_again}"), "state stuck").await;
    assert!(page.contains("no shelf 18") && page.contains("order_fulfillment"), "{page}");
    // The journal does not show whether inventory acted.
    let to_ask = "select count(*) from console.saga \
                  where ended is null and not is_dead and due <= now() and asked_at is null and cardinality(names) = 1";
    assert_eq!(count(&mut db, to_ask).await, 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_whose_clock_is_wrong_drops_nothing_and_passes_over_nothing() {
    let world = TestConsole::new("console_wrong_clock").await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let events = || (0..5).map(|_| world.event(PLACED, world.id(), None, "{}")).collect();
    let mut expected = 0;
    for ahead in [0, 30 * 24, -30 * 24] {
        let ahead = SignedDuration::from_hours(ahead);
        let time = move || Clock::system().now() + ahead;
        let _console = world.console_with(|options| options.clock = Clock::new(time, 7)).await;
        world.publish(events()).await;
        expected += 5;
        until(&mut db, ENTRIES, expected).await;
    }
    let of_now = "select count(*) from console.entry where at > now() - interval '1 hour'";
    assert_eq!(count(&mut db, of_now).await, expected);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_pack_are_shown_in_its_order() {
    let world = TestConsole::new("console_pack").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let saga = world.id();
    // Their ids are not in order.
    let mut all: Vec<_> = (0..5).map(|_| world.event(RESERVED, saga, None, "{}")).collect();
    all.reverse();
    world.publish(vec![pack::pack(&all[0], &all[1..])]).await;
    let page = browser.until(&format!("/sagas/{saga}"), "id=\"e0-4\"").await;
    let ids = all.iter().map(|one| one.properties.message_id().as_ref().expect("an id").as_str());
    let at = |id: &str| page.find(&format!("<dd><code dir=\"auto\">{id}")).expect("each");
    assert!(ids.map(at).is_sorted(), "{page}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_producer_claims_beyond_its_rights_is_no_event_of_the_saga() {
    const CANCELLED: &str = "orders.order_cancelled.v1";
    let world = TestConsole::new("console_forged").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let saga = world.id();
    let dead = world.dead("inventory", PLACED, saga, "no shelf 17", b"{}");
    world.publish(vec![world.event(PLACED, saga, None, "{}"), dead]).await;
    browser.until(&format!("/sagas/{saga}"), "state stuck").await;
    // The broker checks only the routing key, and services refuse its type.
    let mut forged = world.event(CANCELLED, saga, None, r#"{"order_id":"o-17"}"#);
    forged.routing_key = CHECKED_OUT.to_owned();
    let mut refused = world.dead("orders", CHECKED_OUT, saga, "forged", b"{}");
    refused.properties = refused.properties.with_type(CANCELLED.into());
    world.publish(vec![forged, refused]).await;
    until(&mut db, ENTRIES, 4).await;
    until(&mut db, "select count(*) from console.changed", 0).await;
    let of_none =
        "select count(*) from console.entry where saga is null and type = 'cart.checked_out.v1'";
    assert_eq!(count(&mut db, of_none).await, 2);
    assert_eq!(count(&mut db, "select count(*) from console.key").await, 0);
    let (_, page) = browser.get(&format!("/sagas/{saga}")).await;
    assert!(page.contains("state stuck"), "{page}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_made_anew_is_read_from_its_beginning() {
    let world = TestConsole::new("console_anew").await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let events =
        |count| (0..count).map(|_| world.event(PLACED, world.id(), None, "{}")).collect::<Vec<_>>();
    let console = world.console().await;
    let browser = console.browser().await;
    world.publish(events(5)).await;
    until(&mut db, ENTRIES, 5).await;
    world.env.journal_anew().await.expect("another journal");
    world.publish(events(3)).await;
    // It may be a lagging replica.
    browser.until("/", "does not have what was read last").await;
    // Its tables are made again meanwhile.
    browser.until("/", "3 waiting").await;
    until(&mut db, ENTRIES, 3).await;
    world.close().await;
}

/// As if the database's machine lost power during a statement, and another one took its address.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_never_answered_is_given_up_and_the_journal_followed_on() {
    const WAITS: &str = "select (count(*) > 0)::integer::bigint from pg_locks where not granted \
                         and database = (select oid from pg_database where datname = current_database())";
    let world = TestConsole::new("console_hangs").await;
    let way = Proxy::to(world.database.url()).await.expect("a way");
    let by_this_way = way.url().parse().expect("a URL");
    let _console = world.console_with(|options| options.database = by_this_way).await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let saga = world.id();
    world.publish(vec![world.event(PLACED, saga, None, "{}")]).await;
    until(&mut db, ENTRIES, 1).await;
    let mut blocker = PgConnection::connect(world.database.url()).await.expect("a session");
    let lock = "begin; lock table console.progress in exclusive mode";
    blocker.execute(lock).await.expect("a lock");
    world.publish(vec![world.event(RESERVED, saga, None, "{}")]).await;
    until(&mut db, WAITS, 1).await;
    way.set(Link::Silent);
    drop(blocker);
    way.set(Link::Open);
    let end = Instant::now() + 3 * SOON;
    while count(&mut db, ENTRIES).await < 2 {
        assert!(Instant::now() < end, "the console does not follow");
        sleep(Duration::from_millis(100)).await;
    }
    world.close().await;
}

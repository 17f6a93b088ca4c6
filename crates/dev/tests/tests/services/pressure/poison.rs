//! One message that fails in an unusual way, among good ones.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use ballet::{Does, Failure, Retry, Tx, done};
use ballet_testkit::health::until_says;
use ballet_testkit::memory::until;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::pressure::stage::{BOOK, PressureStage, RoomBooked, Trip, TripBooked};

/// Fails as the city says.
#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    #[retriable(retry = Retry::at_once(1))]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let saga = tx.saga_id().map(|saga| saga.0);
        let TripBooked { city } = trip;
        match city.as_str() {
            "Rome" => {}
            "too many parameters" => {
                let mut query = sqlx::QueryBuilder::new("select * from (");
                query.push_values(0..70_000, |mut row, n: i32| {
                    row.push_bind(n);
                });
                query.push(") as many").build().execute(tx.db()).await?;
            }
            "its connection ends" => {
                let end = "select pg_terminate_backend(pg_backend_pid())";
                tx.db().execute(end).await?;
            }
            "I/O" => {
                let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(sqlx::Error::Io(reset).into());
            }
            "another pool" => return Err(sqlx::Error::PoolTimedOut.into()),
            "read only" => {
                tx.db().execute("set transaction read only").await?;
                sqlx::query(BOOK).bind(saga).bind(&city).execute(tx.db()).await?;
            }
            "a savepoint is cancelled" => {
                cancel_savepoint(tx).await;
                return done(RoomBooked { city });
            }
            "permanent" => return Err(Failure::permanent("of this message").into()),
            "at the commit" => {
                tx.db().execute("insert into checked values (1)").await?;
            }
            code => raise(tx, code).await?,
        }
        sqlx::query(BOOK).bind(saga).bind(&city).execute(tx.db()).await?;
        done(RoomBooked { city })
    }
}

#[expect(clippy::disallowed_methods, reason = "what a handler had better not do")]
async fn cancel_savepoint(tx: &mut Tx<'_>) {
    // On a busy machine the answer may be there already.
    let mut is_cancelled = false;
    while !is_cancelled {
        let mut begin = Box::pin(tx.db().begin());
        is_cancelled = poll_fn(|cx| Poll::Ready(begin.as_mut().poll(cx).is_pending())).await;
    }
}

async fn raise(tx: &mut Tx<'_>, code: &str) -> Result<(), Failure> {
    let raise =
        format!("do $$ begin raise exception 'of this message' using errcode = '{code}'; end $$");
    tx.db().execute(AssertSqlSafe(raise)).await?;
    Ok(())
}

const POISONS: [(&str, &str); 17] = [
    ("XX000", "of this message"),
    ("53100", "of this message"),
    ("53300", "of this message"),
    ("57014", "of this message"),
    ("57P01", "of this message"),
    ("58030", "of this message"),
    ("08006", "of this message"),
    ("28000", "of this message"),
    ("P0001", "of this message"),
    ("too many parameters", "too many arguments"),
    ("its connection ends", "terminating connection"),
    ("I/O", "reset"),
    ("another pool", "timed out"),
    ("read only", "read-only transaction"),
    ("a savepoint is cancelled", "ended the transaction"),
    ("at the commit", "of this message"),
    ("permanent", "of this message"),
];

/// Only the commit checks it.
const CHECKED: &str = "create table checked (n int);
    create function check_late() returns trigger language plpgsql as $$ begin
        raise exception 'of this message' using errcode = 'XX000'; end $$;
    create constraint trigger late after insert on checked initially deferred
        for each row execute function check_late()";

#[tokio::test(flavor = "multi_thread")]
async fn t185_a_message_fails_by_itself_however_it_fails_while_the_database_works() {
    let stage = PressureStage::new("poison", Hotel::participant()).await;
    stage.execute(CHECKED).await;
    // All wait before the lane takes its first batch.
    for (city, _) in POISONS {
        stage.book(city);
        stage.book("Rome");
    }
    let running = stage.start(Hotel::participant()).await;
    stage.until_count("room where city = 'Rome'", POISONS.len() as i64).await;
    let missing = || {
        let dead = stage.dead_letters();
        let is_missing = |city: &&str| !dead.iter().any(|(of, _)| of == city);
        POISONS.map(|(city, _)| city).into_iter().filter(is_missing).collect::<Vec<_>>()
    };
    until("the dead letters", missing, Vec::new()).await;
    let dead = stage.dead_letters();
    for (city, said) in POISONS {
        let letters: Vec<_> = dead.iter().filter(|(of, _)| of == city).collect();
        let [(_, detail)] = &letters[..] else { panic!("{city}: {letters:?}") };
        let reason = if city == "permanent" { "permanent: " } else { "failed: " };
        assert!(detail.starts_with(reason) && detail.contains(said), "{city}: {detail}");
    }
    assert_eq!(stage.count("room").await, POISONS.len() as i64, "only of those that succeeded");
    running.stop().await;
}

/// Sets whether new sessions may write, and ends the existing ones.
async fn read_only(stage: &PressureStage, on: bool) {
    let mut db = stage.connect().await;
    let set = if on {
        "set default_transaction_read_only = on"
    } else {
        "reset default_transaction_read_only"
    };
    // Only this user's sessions, because it may not end the server's vacuum.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
        where usename = current_user and pid <> pg_backend_pid()";
    // For this session only.
    db.execute("set default_transaction_read_only = off").await.expect("set");
    let set = AssertSqlSafe(format!("alter role current_user {set}"));
    db.execute(set).await.expect("altered");
    db.execute(end).await.expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn t198_a_server_that_takes_no_writes_makes_no_dead_letters() {
    let stage = PressureStage::new("no_writes", Hotel::participant()).await;
    let running = stage.start(Hotel::participant()).await;
    stage.book("Rome");
    stage.until_count("room", 1).await;
    read_only(&stage, true).await;
    for _ in 0..20 {
        stage.book("Rome");
    }
    let away = || until_says(running.address(), 503, "\"database\":\"away\"");
    away().await;
    // It stays so: several looks of the lane and of the watch.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        away().await;
    }
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0));
    read_only(&stage, false).await;
    stage.until_count("room", 21).await;
    until_says(running.address(), 200, "\"ready\":true").await;
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0));
    running.stop().await;
}

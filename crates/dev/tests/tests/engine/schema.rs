//! The framework's tables, changed by hand.

use ballet::{Service, Settings};
use ballet_store::schema::differences::differences;
use sqlx::{Connection, Executor, PgConnection};

use crate::trip::{Rental, cars};
use crate::world::{TripWorld, part};

#[tokio::test]
async fn t125_what_was_changed_by_hand_is_listed_and_additions_are_not() {
    let world = TripWorld::hotel("schema").await;
    let mut db = world.database("hotel").await;
    let as_made = differences(&mut db).await.expect("an answer");
    assert!(as_made.is_empty(), "schema.txt is not what the migrations make: {as_made:#?}");

    let by_hand = "create index mine_step on ballet.call (step); \
                   alter table ballet.call add column mine text; \
                   create table ballet.mine (id int primary key); \
                   drop index ballet.call_due; \
                   create index call_due on ballet.call (next_at) where closed_at is not null; \
                   drop index ballet.failure_first_failed_at; \
                   alter table ballet.deadline alter saga type varchar(20); \
                   alter table ballet.failure alter detail drop not null; \
                   alter table ballet.inbox_other drop constraint inbox_other_pkey; \
                   drop table ballet.outbox_dead;";
    db.execute(sqlx::raw_sql(by_hand)).await.expect("changed");
    let mut told = differences(&mut db).await.expect("an answer");
    told.retain(|line| !line.contains("outbox_dead."));
    let said = told.join("\n");
    for difference in [
        "index call_due is `",
        "WHERE (closed_at IS NOT NULL)` but should be `",
        "index failure_first_failed_at is missing: ",
        "column deadline.saga is `character varying(20) not null` but should be `text not null`",
        "column failure.detail is `text` but should be `text not null`",
        "constraint inbox_other.inbox_other_pkey is missing: PRIMARY KEY (message_id)",
        "index inbox_other_pkey is missing: ",
        "table outbox_dead is missing: ",
        "index outbox_dead_pkey is missing: ",
    ] {
        assert!(said.contains(difference), "{difference} is not in:\n{said}");
    }
    assert!(!said.contains("mine"), "{said}");
    assert_eq!(told.len(), 8, "{said}");
}

/// A call that has its answer.
const CLOSED: &str = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, \
    created_at, next_at, answer, closed_at) select gen_random_uuid(), gen_random_uuid(), \
    'rent_car', '', false, '\"Rome\"', 0, now(), now(), '7', now()";

#[tokio::test]
async fn t149_an_index_that_a_start_left_half_built_is_built_again_beside_writers() {
    let world = TripWorld::prepared("index", vec![part(cars(Rental::default()), &[])]).await;
    let url = world.env.database_url("cars").to_owned();
    let connect = async || PgConnection::connect(&url).await.expect("connected");
    let (mut first, mut second) = (connect().await, connect().await);
    first.execute("drop index ballet.call_due").await.expect("dropped");
    for _ in 0..2 {
        first.execute(CLOSED).await.expect("a call");
    }
    let half = "create unique index concurrently call_due on ballet.call (step)";
    first.execute(half).await.expect_err("the steps are the same");
    let missing = differences(&mut first).await.expect("an answer");
    assert!(missing.iter().any(|line| line.starts_with("index call_due")), "{missing:?}");

    // One replica is in the middle of a transaction while the next version starts.
    second.execute("set lock_timeout = '2s'").await.expect("set");
    first.execute("begin").await.expect("begun");
    first.execute(CLOSED).await.expect("a call");
    let old = async {
        let building = "pg_stat_activity where datname = current_database() \
                        and query like '% index concurrently %' and wait_event_type = 'Lock'";
        world.until_count("cars", building, 1).await;
        second.execute(CLOSED).await.expect("another replica goes on");
        first.execute("commit").await.expect("committed");
    };
    let settings = Settings::new(world.env.amqp_url("cars"), &url);
    let service = Service::new(cars(Rental::default()));
    let new = async { service.start(settings).await.expect("started") };
    let ((), new) = tokio::join!(old, new);
    let as_made = differences(&mut first).await.expect("an answer");
    assert!(as_made.is_empty(), "{as_made:#?}");
    new.stop().await;
}

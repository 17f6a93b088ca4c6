//! Everything that is committed is sent, and nothing else is.

use ballet_amqp::headers::text_header;
use ballet_testkit::memory::left_by_a_gone_process;

use crate::inbox_outbox::notes::{NotePrinted, Notes, TABLES, renamed};
use crate::inbox_outbox::stage::{OutboxStage, TRACE, execute};
use crate::inbox_outbox::trip::{
    HOTEL_TABLES, Rental, RoomBooked, TripBooked, Trouble, cars, hotel,
};

#[tokio::test(flavor = "multi_thread")]
async fn t44_t53_what_was_sent_and_not_marked_comes_again_the_same_and_is_dropped() {
    let rental = Rental::default();
    let parts = [hotel(Trouble::default()), cars(rental.clone())];
    let stage = OutboxStage::new("not_marked", &parts).await;
    let running = stage.start(hotel(Trouble::default()), HOTEL_TABLES).await;
    let _cars = stage.start(cars(rental.clone()), &[]).await;
    stage.broker.hold_confirms();
    let cause = stage.new_id();
    stage.put(&cause, Some(stage.new_saga()), &TripBooked { city: "Rome".into() });
    stage.until_taken::<RoomBooked>(1).await;
    stage.crash(running).await;
    stage.broker.release_confirms();
    let _next = stage.start(hotel(Trouble::default()), HOTEL_TABLES).await;
    stage.until_published("hotel").await;
    let taken = stage.taken::<RoomBooked>();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], taken[1], "read back from the outbox it is the same");
    let header = |name| text_header(&taken[0].properties, name).unwrap_or_default();
    let trace = header("traceparent");
    assert!(trace.starts_with(&TRACE[..36]) && trace != TRACE, "{trace} follows from {TRACE}");
    assert_eq!(header("causation_id"), cause);
    stage.until_settled("cars").await;
    assert_eq!(stage.count("cars", "ballet.inbox").await, 2);
    assert_eq!(stage.count("cars", "ballet.call").await, 1);
    assert_eq!(stage.count("hotel", "room").await, 1);
}

/// A process that lives, as far as its lock says.
const LIVING: &str = "select pg_advisory_lock(6450292, 77)";

/// The living process counts as gone once there are batches in its tables: an unpublished one of its own, and
/// published ones of another.
const TABLES_OF_IT: &str = "select ballet.take_outbox(77) from generate_series(1, 3)";
const OTHERS: &str = "
    insert into ballet.outbox_1 values (77, 1, 0, gen_random_uuid(), 'guide.note_printed.v1',
        null, null, null, '{\"name\":\"Living\"}', now());
    insert into ballet.outbox_1 (owner, batch, position, created_at) select 88, 1, p, now()
        from unnest(array[0, -1]) p;
    insert into ballet.outbox_2 select * from ballet.outbox_1 where owner = 88;
    insert into ballet.outbox_3 select * from ballet.outbox_1 where owner = 88;
    update ballet.outbox_table set owner = 88 where owner = 77";

#[tokio::test]
async fn t35_an_outbox_table_is_emptied_when_all_of_it_is_published_and_nobody_waits() {
    let notes = Notes::default();
    let stage = OutboxStage::new("emptied", &[notes.guide()]).await;
    let _running = stage.start(notes.guide(), TABLES).await;
    let mut living = stage.connect("guide").await;
    execute(&mut living, LIVING).await;
    execute(&mut living, TABLES_OF_IT).await;
    let mut reader = stage.connect("guide").await;
    execute(&mut reader, "begin; select count(*) from ballet.outbox_2").await;
    stage.execute("guide", OTHERS).await;
    stage.until_count("guide", "ballet.outbox_3", 0).await;
    assert_eq!(stage.count("guide", "ballet.outbox_1").await, 3, "one is not published");
    assert_eq!(stage.count("guide", "ballet.outbox_2").await, 2, "somebody reads it");
    stage.put(&stage.new_id(), None, &renamed("Ritz"));
    stage.until_taken::<NotePrinted>(1).await;

    execute(&mut reader, "commit").await;
    stage.until_count("guide", "ballet.outbox_2", 0).await;
    execute(&mut living, "select pg_advisory_unlock(6450292, 77)").await;
    let printed = stage.until_taken::<NotePrinted>(2).await;
    assert_eq!(printed[1].body, r#"{"name":"Living"}"#);
    stage.until_count("guide", "ballet.outbox_1", 0).await;
}

/// Batches of a process that is gone. Some rows cannot be read, alone or among good ones.
const DAMAGED: &str = r#"
    insert into ballet.outbox_left select 99, batch, position, id, type, null, null, null, body, now()
    from (values
        (1, 0, gen_random_uuid(), null, '{}'),
        (2, 0, null, 'guide.note_printed.v1', '{}'),
        (3, 0, gen_random_uuid(), 'guide.note_printed.v1', '{"name":"One"}'),
        (3, 1, gen_random_uuid(), 'guide.note_printed.v1', null),
        (3, 2, gen_random_uuid(), 'guide.note_printed.v1', '{"name":'),
        (3, 3, gen_random_uuid(), 'guide.note_printed.v1' || repeat('1', 300), '{}'),
        (3, 4, gen_random_uuid(), 'guide.note_printed.v1', '{"name":"Two"}'),
        (4, 0, gen_random_uuid(), 'guide.note_printed.v1', '{"name":"Three"}')
    ) as row (batch, position, id, type, body)"#;

#[tokio::test]
async fn outbox_rows_that_cannot_be_read_are_set_aside_and_the_others_leave() {
    let notes = Notes::default();
    let stage = OutboxStage::new("damaged", &[notes.guide()]).await;
    let _running = stage.start(notes.guide(), TABLES).await;
    stage.execute("guide", &left_by_a_gone_process(DAMAGED)).await;
    let printed = stage.until_taken::<NotePrinted>(3).await;
    let names = ["One", "Two", "Three"].map(|name| format!(r#"{{"name":"{name}"}}"#));
    let bodies: Vec<_> = printed.iter().map(|m| String::from_utf8_lossy(&m.body)).collect();
    assert_eq!(bodies, names);
    stage.until_count("guide", "ballet.outbox()", 0).await;
    let dead: Vec<(i64, i32, String)> =
        sqlx::query_as("select batch, position, reason from ballet.outbox_dead order by 1, 2")
            .fetch_all(&mut stage.connect("guide").await)
            .await
            .expect("rows");
    let places: Vec<_> = dead.iter().map(|(batch, position, _)| (*batch, *position)).collect();
    assert_eq!(places, [(1, 0), (2, 0), (3, 1), (3, 2), (3, 3)]);
    let reasons: Vec<_> = dead.iter().map(|(.., reason)| reason.as_str()).collect();
    assert_eq!(reasons[..3], ["it has no event type", "it has no message id", "it has no body"]);
    assert!(reasons[3].starts_with("its body is not JSON: EOF while parsing "), "{reasons:?}");
    assert!(reasons[4].contains("a name is too long"), "{reasons:?}");
}

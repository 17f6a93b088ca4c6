//! What the publisher did not get, or could not hold, is published all the same.

use ballet::{Running, SagaId};

use crate::stage::{Stage, execute, until};
use crate::trip::{DESK_TABLES, TripBooked, TripWanted, desk};

/// Batches without a mark.
const UNMARKED: &str = "(select from ballet.outbox_3 group by owner, batch \
                        having min(position) >= 0) as batch";

async fn book(desk: &Running, saga: SagaId) {
    let mut unit = desk.handle().saga_unit(saga).await.expect("a transaction");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
    unit.commit().await.expect("committed");
}

/// Batches of a process that is gone.
fn left(batches: u32, events: u32) -> String {
    format!(
        "insert into ballet.outbox_3 (owner, batch, position, message_id, event_type, saga_id, \
             body, created_at) \
         select 99999, batch, position, gen_random_uuid(), 'desk.trip_booked.v1', \
             gen_random_uuid(), '{{\"city\":\"Oslo\"}}', now() \
         from generate_series(1, {batches}) batch, generate_series(0, {events} - 1) position"
    )
}

#[tokio::test]
async fn what_a_sweep_finds_and_memory_has_no_room_for_is_found_again() {
    let stage = Stage::new("no_room_to_sweep", &[desk()]).await;
    let _running = stage.start(desk(), DESK_TABLES).await;
    // The publisher holds 6,000 messages: the second batch and the third do not fit beside the first.
    stage.execute("desk", &left(3, 4000)).await;
    stage.until_taken::<TripBooked>(12_000).await;
    stage.until_count("desk", UNMARKED, 0).await;
}

#[tokio::test]
async fn what_is_committed_while_memory_has_no_room_is_published_by_the_next_sweep() {
    let stage = Stage::new("no_room_to_commit", &[desk()]).await;
    let running = stage.start(desk(), DESK_TABLES).await;
    stage.broker.hold_confirms();
    stage.execute("desk", &left(1, 6000)).await;
    // As many as may be unconfirmed: the whole batch is in memory.
    stage.until_taken::<TripBooked>(2000).await;
    book(&running, stage.new_saga()).await;
    stage.broker.release_confirms();
    stage.until_taken::<TripBooked>(6001).await;
    stage.until_count("desk", UNMARKED, 0).await;
}

/// Puts a view in the place of an outbox table: the first time that a body is read, it fails. (What a
/// look does not ask for is not read, because the function says that it changes nothing.)
const FUSE: &str = "
    create sequence fuse;
    create function fuse(body text) returns text stable language plpgsql as $$ begin
        if nextval('fuse') = 1 then raise exception 'fuse' using errcode = '53200'; end if;
        return body; end $$;
    do $$ declare columns text; begin
        select string_agg(
            case when column_name = 'body' then 'fuse(body) as body' else quote_ident(column_name) end,
            ', ' order by ordinal_position) into columns
        from information_schema.columns
        where table_schema = 'ballet' and table_name = 'outbox_0';
        alter table ballet.outbox_0 rename to behind;
        execute format('create view ballet.outbox_0 as select %s from ballet.behind', columns);
    end $$";

#[tokio::test]
async fn what_could_not_be_read_back_at_first_is_read_by_the_next_sweep() {
    let stage = Stage::new("read_back", &[desk()]).await;
    let _running = stage.start(desk(), DESK_TABLES).await;
    let mut db = stage.connect("desk").await;
    execute(&mut db, FUSE).await;
    execute(&mut db, &left(1, 1).replace("outbox_3", "behind")).await;
    stage.until_taken::<TripBooked>(1).await;
    stage.until_count("desk", "fuse where last_value >= 2", 1).await;
}

#[tokio::test]
async fn a_batch_that_a_gone_process_left_is_found_among_any_number_of_living_ones() {
    let stage = Stage::new("among_living", &[desk()]).await;
    let running = stage.start(desk(), DESK_TABLES).await;
    stage.broker.hold_confirms();
    // More batches than one look of the sweeper takes, all of them older.
    for _ in 0..510 {
        book(&running, stage.new_saga()).await;
    }
    stage.execute("desk", &left(1, 1)).await;
    let taken = stage.until_taken::<TripBooked>(511).await;
    assert!(String::from_utf8_lossy(&taken[510].body).contains("Oslo"));
    stage.broker.release_confirms();
    stage.until_count("desk", UNMARKED, 0).await;
    until("each once", || stage.taken::<TripBooked>().len(), 511).await;
}

#[tokio::test]
async fn an_event_that_can_never_be_published_is_kept_when_the_next_batch_brings_its_mark() {
    let stage = Stage::new("kept_aside", &[desk()]).await;
    let _running = stage.start(desk(), DESK_TABLES).await;
    stage.broker.hold_confirms();
    let too_long = left(1, 2).replace(
        "'desk.trip_booked.v1'",
        "case when position = 0 then repeat('x', 300) else 'desk.trip_booked.v1' end",
    );
    stage.execute("desk", &too_long).await;
    stage.until_taken::<TripBooked>(1).await;
    // The mark cannot be written by itself, and waits for the next batch to take it along.
    let mut blocker = stage.connect("desk").await;
    execute(&mut blocker, "begin; lock table ballet.outbox_3 in share row exclusive mode").await;
    stage.broker.release_confirms();
    stage.until_waiting("desk", 1).await;
    stage.until_waiting("desk", 0).await;
    execute(&mut blocker, "commit").await;
    stage.put(&stage.new_id(), None, &TripWanted { city: "Rome".into() });
    stage.until_taken::<TripBooked>(2).await;
    stage.until_count("desk", UNMARKED, 0).await;
    assert_eq!(stage.count("desk", "ballet.outbox_dead where reason <> ''").await, 1);
}

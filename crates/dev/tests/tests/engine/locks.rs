//! The lock that says that a process lives.

use ballet_stage::wait_until;
use sqlx::PgConnection;

use crate::trip::{RoomBooked, TripBooked};
use crate::world::{SOON, TripWorld, the_hotel};

/// Returns server process and number, in the hotel's database.
async fn holders(db: &mut PgConnection) -> Vec<(i32, i64)> {
    let held = "select pid, objid::bigint from pg_locks \
                where locktype = 'advisory' and classid::bigint = 6450292 and granted \
                and database = (select oid from pg_database where datname = current_database()) \
                order by objid";
    sqlx::query_as(held).fetch_all(db).await.expect("locks")
}

#[tokio::test]
async fn t127_a_killed_session_is_noticed_and_its_lock_is_taken_again_once() {
    let mut world = TripWorld::hotel("locks").await;
    world.start(the_hotel()).await;
    let mut db = world.database("hotel").await;
    let before = holders(&mut db).await;
    assert_eq!(before.len(), 2, "a lock each: {before:?}");
    let (victim, number) = before[0];
    let (killed,): (bool,) = sqlx::query_as("select pg_terminate_backend($1)")
        .bind(victim)
        .fetch_one(&mut db)
        .await
        .expect("killed");
    assert!(killed);
    let db = tokio::sync::Mutex::new(db);
    wait_until("another session with the lock", SOON, || async {
        let now = holders(&mut *db.lock().await).await;
        let again: Vec<_> = now.iter().filter(|(_, held)| *held == number).collect();
        let by_another = matches!(&again[..], [(pid, _)] if *pid != victim);
        // The other replica asks while nobody holds it, and keeps nothing.
        if by_another && now.len() == 2 { Ok(Some(())) } else { Err(format!("{now:?}")) }
    })
    .await
    .expect("the lock");
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    // The end of its session frees it.
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    wait_until("no lock", SOON, || async {
        let left = holders(&mut *db.lock().await).await;
        if left.is_empty() { Ok(Some(())) } else { Err(format!("{left:?}")) }
    })
    .await
    .expect("free");
}

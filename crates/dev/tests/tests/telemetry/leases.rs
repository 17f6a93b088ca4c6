//! Replicas share the streams. Without its lease a replica writes nothing.

use crate::meter::{ALL, TWICE, asleep, published, started};

#[tokio::test]
async fn two_replicas_share_the_streams_and_one_goes_on_when_the_other_ends() {
    let system = asleep("telemetry_shared").await;
    let first = started(&system, 100).await;
    let holders = "select count(distinct holder) from ballet.telemetry_reader \
                   where held_until > ballet.now()";
    let held = "select count(*) from ballet.telemetry_reader where held_until > ballet.now()";
    system.until("meter", held, 2).await;
    let second = started(&system, 100).await;
    system.until("meter", holders, 2).await;
    published(&first, 10, 100..120).await;
    system.until("meter", ALL, 200).await;
    first.stop().await;
    system.until("meter", holders, 1).await;
    system.until("meter", held, 2).await;
    published(&second, 10, 120..140).await;
    system.until("meter", ALL, 400).await;
    assert_eq!(system.value::<i64>("meter", TWICE).await, 0);
    second.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_replica_that_has_lost_its_lease_without_knowing_writes_nothing() {
    let system = asleep("telemetry_fenced").await;
    let running = started(&system, 100).await;
    published(&running, 4, 100..110).await;
    system.until("meter", ALL, 40).await;
    // As if the process had been frozen, and another had taken over.
    let steal = "update ballet.telemetry_reader set epoch = epoch + 1, holder = -1, \
                 held_until = ballet.now() + interval '6 seconds'";
    system.execute("meter", steal).await;
    published(&running, 4, 110..120).await;
    let late = "select count(*) from ballet.telemetry_reader, beat \
                where holder = -1 and held_until > ballet.now() and number >= 110";
    assert_eq!(system.value::<i64>("meter", late).await, 0, "it wrote under an old epoch");
    // When the other's lease has run out, it takes over again, and reads all.
    system.until("meter", ALL, 80).await;
    assert_eq!(system.value::<i64>("meter", TWICE).await, 0);
    running.stop().await;
    system.close(0).await;
}

//! Replicas share the streams, and one that has lost its lease writes nothing.

use ballet::Telemetry;

use crate::meter::{Beat, asleep, published, sent, started, stream};

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
    system.until("meter", "select count(*) from beat", 200).await;
    first.stop().await;
    system.until("meter", holders, 1).await;
    system.until("meter", held, 2).await;
    published(&second, 10, 120..140).await;
    system.until("meter", "select count(*) from beat", 400).await;
    let distinct = "select count(distinct (device, number)) from beat";
    assert_eq!(system.value::<i64>("meter", distinct).await, 400);
    second.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_stream_that_is_missing_is_no_replicas_share_of_what_is_there() {
    let system = asleep("telemetry_missing").await;
    let first = started(&system, 100).await;
    let held = "select count(*) from ballet.telemetry_reader where held_until > ballet.now()";
    system.until("meter", held, 2).await;
    system.env.management().delete_queue(&stream(0)).await.expect("deleted");
    let taken_again = "select epoch > 1 from ballet.telemetry_reader where stream like '%.0'";
    system.until("meter", taken_again, true).await;
    let second = started(&system, 100).await;
    system.until("meter", "select count(*) from ballet.telemetry_replica", 2).await;
    // Each of them has shared with the other one since, and has given back what is more.
    let since: String = system.value("meter", "select ballet.now()::text").await;
    let both = format!(
        "select count(*) from ballet.telemetry_replica \
         where seen_at > timestamptz '{since}' + interval '6 seconds'"
    );
    system.until("meter", &both, 2).await;
    let mut devices = (0..).map(|device| format!("d{device}"));
    let device = devices.find(|device| Beat::TYPE.partition_of(device.as_bytes()) == 1);
    let beat = Beat { device: device.expect("one"), number: 1 };
    sent(&second.handle().telemetry(), &beat).await;
    system.until("meter", "select count(*) from beat", 1).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_replica_that_has_lost_its_lease_without_knowing_writes_nothing() {
    let system = asleep("telemetry_fenced").await;
    let running = started(&system, 100).await;
    published(&running, 4, 100..110).await;
    system.until("meter", "select count(*) from beat", 40).await;
    // As if the process had been frozen, and another one had taken over.
    let steal = "update ballet.telemetry_reader set epoch = epoch + 1, holder = -1, \
                 held_until = ballet.now() + interval '6 seconds'";
    system.execute("meter", steal).await;
    published(&running, 4, 110..120).await;
    let late = "select count(*) from ballet.telemetry_reader, beat \
                where holder = -1 and held_until > ballet.now() and number >= 110";
    assert_eq!(system.value::<i64>("meter", late).await, 0, "it wrote under an old epoch");
    // When the other's lease has run out, it takes over again, and reads all.
    system.until("meter", "select count(*) from beat", 80).await;
    let distinct = "select count(distinct (device, number)) from beat";
    assert_eq!(system.value::<i64>("meter", distinct).await, 80);
    running.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_batch_that_takes_longer_than_the_lease_does_not_go_round_among_the_replicas() {
    let system = asleep("telemetry_long").await;
    let mut replicas = Vec::new();
    // One more than there are streams: it takes what nobody holds.
    for _ in 0..3 {
        replicas.push(started(&system, 100).await);
    }
    system.until("meter", "select count(*) from ballet.telemetry_replica", 3).await;
    let holders = "select count(distinct holder) from ballet.telemetry_reader \
                   where held_until > ballet.now()";
    system.until("meter", holders, 2).await;
    published(&replicas[0], 1, 700..701).await;
    system.until("meter", "select count(*) from beat", 1).await;
    for replica in replicas {
        replica.stop().await;
    }
    system.close(0).await;
}

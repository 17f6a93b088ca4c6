//! Readers killed in the middle of a batch, or frozen while another takes over.

use std::time::Duration;

use ballet::Settings;
use ballet_stage::{OwnProcess, wait_until};
use ballet_testkit::TestSystem;
use tokio::sync::Semaphore;

use crate::meter::{Beats, asleep, published, publisher, service, started};

const AMQP: &str = "METER_AMQP_URL";
const DATABASE: &str = "METER_DATABASE_URL";
/// After this many batches it stands still, with the next one's rows uncommitted.
const STOPS_AFTER: &str = "METER_STOPS_AFTER";

const ALL: &str = "select count(*) from beat";
const DISTINCT: &str = "select count(distinct (device, number)) from beat";
const LONG: Duration = Duration::from_secs(180);

async fn process(system: &TestSystem, stops_after: Option<usize>) -> OwnProcess {
    let process = OwnProcess::start("processes::meter", |command| {
        command
            .env(AMQP, system.env.amqp_url("meter"))
            .env(DATABASE, system.env.database_url("meter"))
            .envs(stops_after.iter().map(|batches| (STOPS_AFTER, batches.to_string())));
    });
    let mut process = process.unwrap();
    process.serving().await.unwrap();
    process
}

/// Not a test, but what the processes of the tests run.
#[test]
fn meter() {
    let setting = |name| std::env::var(name).ok();
    let (Some(amqp), Some(database)) = (setting(AMQP), setting(DATABASE)) else { return };
    let mut settings = Settings::new(amqp, database);
    settings.telemetry_batch = 20;
    let batches = setting(STOPS_AFTER).map(|batches| Semaphore::new(batches.parse().unwrap()));
    OwnProcess::serve(|| service(Beats { batches }), settings);
}

#[tokio::test]
async fn a_process_that_is_killed_in_the_midst_of_a_batch_counts_nothing_twice_and_nothing_never() {
    let system = asleep("telemetry_killed").await;
    let publisher = publisher(&system).await;
    published(&publisher, 50, 100..120).await;
    // Fifty batches at least, because at most twenty are read together.
    let open = "select exists (select from pg_stat_activity where datname = current_database() \
                and state = 'idle in transaction' and query like 'insert into beat%')";
    let mut kills = 0;
    loop {
        let mut reads = process(&system, Some(40)).await;
        let stands_still = wait_until("a batch that is not committed, or all", LONG, || async {
            if system.value::<bool>("meter", open).await {
                return Ok(Some(true));
            }
            let read = system.value::<i64>("meter", ALL).await;
            if read == 1000 { Ok(Some(false)) } else { Err(format!("{read} read")) }
        });
        let stands_still = stands_still.await.unwrap();
        reads.kill().await.unwrap();
        if !stands_still {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 1, "{kills} kills");
    assert_eq!(system.value::<i64>("meter", DISTINCT).await, 1000);
    assert_eq!(system.value::<i64>("meter", ALL).await, 1000);
    publisher.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_process_that_was_frozen_while_another_took_over_writes_nothing_of_what_it_had_in_hand() {
    let system = asleep("telemetry_frozen").await;
    let publisher = publisher(&system).await;
    let frozen = process(&system, None).await;
    let held = "select count(*) from ballet.telemetry_reader where held_until > ballet.now()";
    system.until("meter", held, 2).await;
    // Its batch takes some seconds.
    published(&publisher, 1, 700..701).await;
    let writes = "select count(*) from pg_stat_activity where datname = current_database() \
                  and state = 'active' and query like 'select pg_sleep%'";
    system.until("meter", writes, 1).await;
    frozen.freeze().unwrap();
    published(&publisher, 10, 100..110).await;
    let other = started(&system, 20).await;
    system.until("meter", ALL, 101).await;
    frozen.thaw().unwrap();
    // It has noticed when it has its share again.
    let holders = "select count(distinct holder) from ballet.telemetry_reader \
                   where held_until > ballet.now()";
    system.until("meter", holders, 2).await;
    published(&publisher, 10, 110..120).await;
    system.until("meter", ALL, 201).await;
    assert_eq!(system.value::<i64>("meter", DISTINCT).await, 201);
    other.stop().await;
    publisher.stop().await;
    drop(frozen);
    system.close(0).await;
}

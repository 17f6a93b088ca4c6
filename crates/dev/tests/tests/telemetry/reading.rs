//! Beats are read once, in order, in batches that fit the load; unreadable ones go aside.

use ballet::core::topology::TELEMETRY;
use ballet::{Settings, Telemetry};
use ballet_amqp::{BasicProperties, Broker, Publish, Publisher, PublisherSettings, RabbitMq};
use ballet_stage::Proxy;
use sqlx::Executor;
use std::sync::Arc;
use std::time::Duration;

use crate::meter::{ALL, BOMB, Beat, Beats, TWICE, asleep, published, sent, service, started};

#[tokio::test]
async fn beats_are_read_in_the_order_of_their_device() {
    let system = asleep("telemetry_order").await;
    let running = started(&system, 1000).await;
    published(&running, 20, 100..150).await;
    system.until("meter", ALL, 1000).await;
    // Each place is behind the one before.
    let disorder = "select count(*) from (select number, lag(number) over \
                    (partition by device order by place) as before from beat) as x \
                    where number - coalesce(before, 99) not in (0, 1)";
    assert_eq!(system.value::<i64>("meter", disorder).await, 0);
    let streams = "select count(*) from ballet.telemetry_reader where read_count > 0";
    assert_eq!(system.value::<i64>("meter", streams).await, 2, "both partitions have beats");
    running.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_the_reader_goes_on() {
    let system = asleep("telemetry_aside").await;
    let running = started(&system, 1000).await;
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::new(system.env.ops_amqp_url()).unwrap());
    let publisher = Publisher::start(broker, PublisherSettings::new("test", "1"), Arc::new(|_| {}));
    let raw = |body: &'static str| Publish {
        exchange: TELEMETRY.to_owned(),
        routing_key: Beat::TYPE.routing_key(0),
        mandatory: true,
        properties: BasicProperties::default(),
        body: body.into(),
    };
    for body in [r#"{"device":"a","number":1}"#, "{", r#"{"device":7}"#] {
        publisher.publish_now(raw(body), Duration::from_secs(20)).await.unwrap();
    }
    // The decoder panics.
    let bomb = Beat { device: BOMB.to_owned(), number: 1 };
    sent(&running.handle().telemetry::<Beat>(), &bomb).await;
    // The reader fails with one of these.
    published(&running, 1, 10..20).await;
    publisher
        .publish_now(raw(r#"{"device":"b","number":2}"#), Duration::from_secs(20))
        .await
        .unwrap();
    system.until("meter", ALL, 11).await;
    let told = "select string_agg(reason || ' ' || count, ', ' order by reason) from \
                (select reason, count(*) from ballet.telemetry_aside group by reason) as x";
    let told: String = system.value("meter", told).await;
    assert_eq!(told, "body_does_not_match 3, reader_failed 1");
    let ahead = "select count(*) from ballet.telemetry_reader where published_at > ballet.now()";
    assert_eq!(system.value::<i64>("meter", ahead).await, 0, "messages without a time");
    let counted = "select sum(aside_count)::bigint from ballet.telemetry_reader";
    assert_eq!(system.value::<i64>("meter", counted).await, 4);
    publisher.stop(Duration::from_secs(1)).await;
    running.stop().await;
    system.close(0).await;
}

/// Each beat waits at the commit for this lock.
const WAITS: &str = "create function waits() returns trigger language plpgsql as $$ begin
        perform set_config('lock_timeout', '0', true);
        perform pg_advisory_xact_lock_shared(7);
        return null;
    end $$;
    create constraint trigger waits after insert on beat deferrable initially deferred
        for each row execute function waits()";
const WAITING: &str = "select count(*) from pg_locks where locktype = 'advisory' and objid = 7 \
    and not granted and database = (select oid from pg_database where datname = current_database())";

#[tokio::test]
async fn a_beat_counts_once_if_the_answer_to_its_commit_is_lost() {
    let system = asleep("telemetry_doubt").await;
    let proxy = Proxy::to(system.env.database_url("meter")).await.unwrap();
    let settings = Settings::new(system.env.amqp_url("meter"), proxy.url());
    let running = service(Beats).start(settings).await.unwrap();
    system.execute("meter", WAITS).await;
    let mut lock = system.database("meter").await;
    lock.execute("select pg_advisory_lock(7)").await.unwrap();
    published(&running, 1, 1..2).await;
    system.until("meter", WAITING, 1).await;
    // The server commits all the same, and the database works for others.
    proxy.cut();
    lock.execute("select pg_advisory_unlock(7)").await.unwrap();
    published(&running, 1, 2..3).await;
    system.until("meter", "select count(*) from beat where number = 2", 1).await;
    assert_eq!(system.value::<i64>("meter", TWICE).await, 0);
    running.stop().await;
    system.close(0).await;
}

//! A service's start, its upkeep while it runs, and its stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::core::{System, topology};
use ballet::http::Problem;
use ballet::{Clock, Handle, Migration, SagaId, Service, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use ballet_testkit::health::until_ready;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::trip::{DESK_TABLES, HOTEL_TABLES, RoomBooked, TripBooked, Trouble, desk, hotel};
use crate::world::{SOON, TripWorld, part, the_hotel};

fn settings(world: &TripWorld, service: &str) -> Settings {
    let mut settings = Settings::new(world.env.amqp_url(service), world.env.database_url(service));
    settings.drain_seconds = 2;
    settings
}

async fn admin(world: &TripWorld, service: &str) -> PgConnection {
    PgConnection::connect(world.env.admin_database_url(service)).await.expect("the database")
}

async fn execute(db: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.expect("executed");
}

async fn names(db: &mut PgConnection, sql: &'static str) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(db).await.expect("names");
    rows.into_iter().map(|(name,)| name).collect()
}

async fn books_a_room(world: &TripWorld) {
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_while_somebody_holds_a_transaction() {
    let world = TripWorld::prepared("held", vec![the_hotel()]).await;
    let service = Service::new(hotel(Trouble::default())).migrations(HOTEL_TABLES);
    let running = service.start(settings(&world, "hotel")).await.expect("started");
    let held = running.handle().saga_unit(world.new_saga()).await.expect("a transaction");
    timeout(SOON, running.stop()).await.expect("stopped in time");
    drop(held);
}

#[derive(Clone)]
struct SlowDesk {
    desk: Handle,
    entered: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
}

async fn book_slowly(State(slow): State<SlowDesk>) -> Result<String, Problem> {
    slow.entered.add_permits(1);
    slow.let_go.acquire().await.expect("open").forget();
    let saga: SagaId = slow.desk.new_id();
    let mut unit = slow.desk.saga_unit(saga).await?;
    unit.originate(TripBooked { city: "Rome".into() }).await?;
    unit.commit().await?;
    Ok(saga.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_the_requests_in_hand_and_publishes_their_events() {
    let world = TripWorld::prepared("in_hand", vec![part(desk(), DESK_TABLES)]).await;
    let (entered, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (entering, waiting) = (Arc::clone(&entered), Arc::clone(&let_go));
    let service = Service::new(desk()).migrations(DESK_TABLES).routes(|desk| {
        let slow = SlowDesk { desk, entered: entering, let_go: waiting };
        Router::new().route("/trips", post(book_slowly)).with_state(slow)
    });
    let settings = Settings { drain_seconds: 20, ..settings(&world, "desk") };
    let running = service.start(settings).await.expect("started");
    let address = running.address();
    let request =
        tokio::spawn(reqwest::Client::new().post(format!("http://{address}/trips")).send());
    entered.acquire().await.expect("open").forget();
    let stop = tokio::spawn(running.stop());
    wait_until("no new connections", SOON, || async {
        let connected = tokio::net::TcpStream::connect(address).await;
        Ok::<_, String>(connected.is_err().then_some(()))
    })
    .await
    .expect("no new connections");
    let_go.add_permits(1);
    let answer = request.await.expect("no panic").expect("an answer");
    let saga: SagaId = answer.text().await.expect("text").parse().expect("a saga's id");
    timeout(SOON, stop).await.expect("stopped in time").expect("no panic");
    assert_eq!(world.count("desk", "ballet.outbox_dead").await, 0);
    let published = world.events::<TripBooked>(saga).await;
    assert_eq!(published.len(), 1, "published before the service was gone");
}

/// Sees the limits under which it runs, and takes its time.
const CURIOUS_TABLES: &[Migration] = &[Migration {
    name: "0001_limits",
    sql: "create table seen as select current_setting('statement_timeout') as statement, \
          current_setting('lock_timeout') as lock; select pg_sleep(1)",
}];

#[tokio::test(flavor = "multi_thread")]
async fn t123_replicas_that_start_at_once_on_an_empty_database_wait_for_each_other() {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "trips", parts: vec![hotel(Trouble::default()).part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "replicas", &definitions, &["hotel"])
        .await
        .expect("a test environment");
    let replicas = (0..4).map(|_| {
        let settings = Settings::new(env.amqp_url("hotel"), env.database_url("hotel"));
        Service::new(hotel(Trouble::default())).migrations(CURIOUS_TABLES).start(settings)
    });
    for replica in futures_util::future::join_all(replicas).await {
        replica.expect("started");
    }
    let mut db = PgConnection::connect(env.admin_database_url("hotel")).await.expect("connected");
    let limits = names(&mut db, "select statement || ' ' || lock from seen").await;
    assert_eq!(
        limits,
        ["0 1s"],
        "a long index build has no limit, and waits for a lock for a moment"
    );
}

const PARTITIONS: &str = "select c.relname::text from pg_inherits i join pg_class c \
    on c.oid = i.inhrelid where i.inhparent = 'ballet.inbox'::regclass order by 1";

/// The partition should have been dropped long ago, and has a row.
pub(crate) async fn old_partition(db: &mut PgConnection, day: u8) {
    let sql = format!(
        "create table ballet.inbox_2000010{day} partition of ballet.inbox for values from \
         ('00dc6acf-000{day}-0000-0000-000000000000') to ('00dc6acf-000{day}-ffff-0000-000000000000'); \
         do $$ begin execute format('alter table ballet.inbox_2000010{day} owner to %I', \
         (select tableowner from pg_tables where tablename = 'inbox_other')); end $$;
         insert into ballet.inbox (message_id) values ('00dc6acf-000{day}-7000-8000-000000000000')"
    );
    execute(db, sql).await;
}

/// Leaves a partition as a replica does that dies while it detaches it. A reader of the inbox blocks it.
pub(crate) async fn half_detached(dying: &mut PgConnection, partition: &str) {
    // Only this wait has a limit.
    execute(dying, "set lock_timeout = '100ms'".to_owned()).await;
    let detach =
        format!("alter table ballet.inbox detach partition ballet.{partition} concurrently");
    let detached = sqlx::query(AssertSqlSafe(detach)).execute(&mut *dying).await;
    detached.expect_err("somebody reads it");
    let half = format!(
        "select inhdetachpending from pg_inherits where inhrelid = 'ballet.{partition}'::regclass"
    );
    let half: bool =
        sqlx::query_scalar(AssertSqlSafe(half)).fetch_one(dying).await.expect("a partition");
    assert!(half, "the detach has not begun");
}

/// Adds a row to each partition that is not of the year 2000. Without newer rows nothing is dropped.
pub(crate) async fn work_at_all_times(db: &mut PgConnection) {
    let sql = "do $$ declare name text; millis text; id uuid; begin
        for name in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                where i.inhparent in ('ballet.inbox'::regclass, 'ballet.ledger'::regclass)
                and not i.inhdetachpending
                and c.relname !~ '_2000[0-9]{4}$' loop
            begin
            millis := lpad(to_hex((1000 * extract(epoch from
                to_date(right(name, 8), 'YYYYMMDD')::timestamp))::bigint), 12, '0');
            id := left(millis, 8) || right(millis, 4) || '70008000000000000000';
            if name like 'inbox%' then
                insert into ballet.inbox (message_id) values (id) on conflict do nothing;
            else
                insert into ballet.ledger
                    (saga_id, step, entry, key, arrived, ordinal, recorded_at)
                    values (id, 'rest', 'refused', '', '', 0, now()) on conflict do nothing;
            end if;
            exception when check_violation then null; -- It is being dropped.
            end;
        end loop;
    end $$";
    execute(db, sql.to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t35_partitions_come_and_go_while_somebody_reads_all_of_them() {
    let mut world = TripWorld::hotel("partitions").await;
    // Its upkeep at the start must not fall into this.
    world.services.remove(0).stop().await;
    let mut db = admin(&world, "hotel").await;
    let all = names(&mut db, PARTITIONS).await;
    let last = all.last().expect("a partition").clone();
    execute(&mut db, format!("drop table ballet.{last}")).await;
    let mut reader = admin(&world, "hotel").await;
    old_partition(&mut db, 1).await;
    old_partition(&mut db, 2).await;
    work_at_all_times(&mut db).await;
    execute(&mut reader, "begin; select count(*) from ballet.inbox".to_owned()).await;
    let mut dying = admin(&world, "hotel").await;
    half_detached(&mut dying, "inbox_20000102").await;
    let next = the_hotel();
    timeout(SOON, world.start(next)).await.expect("started while the reader reads");
    let made = names(&mut db, PARTITIONS).await;
    assert_eq!(made.last(), Some(&last), "made again, in spite of the reader");
    books_a_room(&world).await;

    execute(&mut reader, "commit".to_owned()).await;
    wait_until("the old partition to go", SOON, || async {
        let mut db = admin(&world, "hotel").await;
        let sql = "select relname::text from pg_class where relname like 'inbox_2000%'";
        Ok::<_, String>(names(&mut db, sql).await.is_empty().then_some(()))
    })
    .await
    .expect("gone");
    assert_eq!(names(&mut db, PARTITIONS).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn t155_health_readiness_and_metrics_tell_how_it_is_until_a_part_has_died() {
    let world = TripWorld::prepared("died", vec![the_hotel()]).await;
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let system = Clock::system();
    let clock = move || {
        assert!(!breaks.load(Ordering::SeqCst), "the clock is broken");
        system.now()
    };
    let service = Service::new(hotel(Trouble::default()))
        .migrations(HOTEL_TABLES)
        .clock(Clock::new(clock, 1));
    let running = service.start(settings(&world, "hotel")).await.expect("started");
    let base = format!("http://{}", running.address());
    let get = async |path: &str| reqwest::get(format!("{base}{path}")).await.expect("an answer");
    assert_eq!(get("/healthz").await.status(), 200);
    until_ready(running.address(), "a ready service", |status, _| status == 200).await;
    books_a_room(&world).await;
    let metrics = get("/metrics").await.text().await.expect("text");
    for line in [
        r#"ballet_messages_total{type="desk.trip_booked.v1",outcome="handled"}"#,
        "ballet_batch_size_bucket",
        "ballet_transaction_seconds_sum",
        "ballet_publish_to_commit_seconds_count",
        "ballet_outbox_unpublished",
        "ballet_calls_open",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
    let missing = get("/nowhere").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");

    broken.store(true, Ordering::SeqCst);
    let why = timeout(SOON, running.failed()).await.expect("noticed");
    assert!(why.contains("the clock is broken"), "{why}");
    let answer = get("/healthz").await;
    assert_eq!(answer.status(), 500);
    assert!(answer.text().await.expect("text").contains("the clock is broken"));
    assert_eq!(get("/readyz").await.status(), 503);
    timeout(SOON, running.stop()).await.expect("stopped in time");
}

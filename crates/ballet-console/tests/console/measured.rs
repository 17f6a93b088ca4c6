//! Figures and pictures, for a person: `cargo test -p ballet-console --test console -- --ignored measured`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ballet_amqp::RabbitMq;
use ballet_console::Console;
use ballet_core::topology::EVENTS;
use ballet_stream::{Read, Reader, Start};
use sqlx::{Connection, Executor, PgConnection};

use crate::world::{PLACED, RESERVED, World};

/// A million entries of 100,000 sagas, of which one in ten hangs for one of five causes.
const MILLION: &str = "
    create table console.entry_all partition of console.entry default;
    insert into console.entry (place, at, kind, saga, type, service, message_id, body, size)
        select n, now() - n * interval '0.1 s', 'event', md5((n / 10)::text)::uuid,
            'orders.order_placed.v1', 'orders', md5('m' || n)::uuid, '{}', 2
        from generate_series(0, 999999) n;
    insert into console.saga (id, names, began, last_at, last_type, last_place, entries, judged, ended,
            service, step, what, since, due, is_dead, reason, detail)
        select md5(n::text)::uuid, '{order_fulfillment}', now() - n * interval '1 s',
            now() - n * interval '1 s', 'orders.order_placed.v1', n, 10, n,
            case when n % 10 > 0 then 'completed' end, case when n % 10 = 0 then 'inventory' end,
            case when n % 10 = 0 then 'reserve_stock' end, case when n % 10 = 0 then 'has not acted' end,
            case when n % 10 = 0 then now() - n * interval '1 s' end, now(), n % 10 = 0,
            case when n % 10 = 0 then 'cause ' || n / 10 % 5 end,
            case when n % 10 = 0 then 'no shelf ' || n || ' in the warehouse' end
        from generate_series(0, 99999) n;
    insert into console.key (value, name, saga)
        select k || '-' || lpad(n::text, 8, '0'), k, md5(n::text)::uuid
        from generate_series(0, 99999) n, unnest(array['order', 'cart', 'customer']) k;
    update console.progress set next = 1000000;
    analyze";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a minute and prints figures"]
async fn measured_searches_of_a_million_entries() {
    let world = World::new("console_million").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    db.execute("set statement_timeout = 0").await.expect("set");
    db.execute(MILLION).await.expect("rows");
    for path in [
        "/",
        "/sagas",
        "/sagas?page=100",
        "/sagas?q=order-00054321",
        "/sagas?q=customer-0005",
        "/sagas?q=shelf+54320",
        "/sagas?q=cfcd208495d565ef66e7dff9f98764da",
        "/sagas?q=98764da",
        "/sagas?state=stuck&reason=cause+3",
        "/sagas?state=completed&age=10m",
        "/sagas?q=no+such+thing",
        "/sagas/cfcd2084-95d5-65ef-66e7-dff9f98764da",
    ] {
        let mut times = Vec::new();
        for _ in 0..40 {
            let begun = Instant::now();
            let (status, _) = browser.get(path).await;
            times.push(begun.elapsed().as_millis());
            assert!(status.is_success(), "{path}");
        }
        times.sort_unstable();
        println!("{path}: median {} ms, p95 {} ms", times[20], times[37]);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a minute and prints figures"]
async fn measured_following_against_a_bare_reader() {
    const ALL: i64 = 60_000;
    let world = World::new("console_rate").await;
    let body = format!(r#"{{"order_id":"o-1","lines":"{}"}}"#, "x".repeat(400));
    for _ in 0..ALL / 6_000 {
        let sagas = (0..1_000).map(|_| world.id());
        let events =
            sagas.flat_map(|saga| vec![world.event(PLACED, saga, None, &body); 6]).collect();
        world.publish(events).await;
    }
    let broker = Arc::new(RabbitMq::new(world.env.amqp_url("redrive")).expect("a URL"));
    let bare = Instant::now();
    let mut reader = Reader::open(broker, Start::First).await.expect("a reader");
    let mut read = 0;
    while read < ALL {
        if let Read::Record(record) = reader.next().await.expect("a record") {
            assert_eq!(record.exchange, EVENTS);
            read += 1;
        }
    }
    let bare = bare.elapsed();
    let console = Console::open(world.options()).await.expect("it opens");
    let mut db = PgConnection::connect(world.database.url()).await.expect("a session");
    let followed = Instant::now();
    let running = tokio::spawn(console.run());
    let until = async |db: &mut PgConnection, what: &'static str, expected: i64| {
        while sqlx::query_scalar::<_, i64>(what).fetch_one(&mut *db).await.expect("a number")
            < expected
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    until(&mut db, "select next from console.progress", ALL).await;
    let followed = followed.elapsed();
    until(&mut db, "select count(*) from console.saga where judged = last_place", ALL / 6).await;
    let per = |time: std::time::Duration| {
        ALL * 1_000 / i64::try_from(time.as_millis()).expect("ms").max(1)
    };
    println!("a bare reader: {}/s; the observer: {}/s", per(bare), per(followed));
    running.abort();
    world.close().await;
}

/// Writes the pages as files, for a browser that makes pictures of them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a person looks at what it writes"]
async fn measured_pages_to_look_at() {
    let world = World::new("console_pictures").await;
    let console = world.console().await;
    let browser = console.browser().await;
    let steps = [
        PLACED,
        RESERVED,
        "payments.payment_authorized.v1",
        "shipping.shipment_scheduled.v1",
        "payments.payment_captured.v1",
        "orders.order_confirmed.v1",
        "inventory.stock_committed.v1",
        "shipping.shipment_dispatched.v1",
        "shipping.shipment_delivered.v1",
        "orders.order_completed.v1",
    ];
    let mut shown = world.id();
    for number in 0..120_usize {
        let saga = world.id();
        let upto = if number % 3 == 0 { number % 11 } else { steps.len() };
        let mut cause = None;
        for step in steps.iter().take(upto.max(1)) {
            let body = format!(
                r#"{{"order_id":"order-{number}","total":{{"amount":1999,"currency":"EUR"}}}}"#
            );
            let event = world.event(step, saga, cause, &body);
            cause = event.properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
            world.publish(vec![event]).await;
        }
        if number % 12 == 0 {
            let detail = format!(
                "no shelf {number} in the warehouse of Utrecht: the row is locked by another"
            );
            world
                .publish(vec![world.dead(
                    "inventory",
                    PLACED,
                    saga,
                    &detail,
                    b"{\"order_id\":\"order\"}",
                )])
                .await;
            shown = saga;
        } else if number % 15 == 4 {
            for name in ["payments.payment_declined.v1", "orders.order_cancelled.v1"] {
                world.publish(vec![world.event(name, saga, None, "{}")]).await;
            }
        }
    }
    world.publish(vec![world.event("orders.order_eaten.v1", shown, None, "{}")]).await;
    browser.until("/", "no contract declares it").await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console-pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    let dead = browser.until("/dead-letters", "Utrecht").await;
    let at = dead.find("/dead-letters/inventory/").expect("a link");
    let whole = dead[at..].split('"').next().expect("a path").to_owned();
    let saga = format!("/sagas/{shown}");
    for (name, path) in [
        ("login", "/login"),
        ("now", "/"),
        ("sagas", "/sagas"),
        ("none", "/sagas?q=nothing&state=stuck"),
        ("saga", &saga),
        ("dead", "/dead-letters"),
        ("letter", &whole),
        ("events", "/events"),
        ("event", "/events/orders.order_placed.v1"),
    ] {
        let (_, page) = browser.get(path).await;
        let page = page.replace("\"/console.", "\"console.");
        std::fs::write(folder.join(format!("{name}.html")), page).expect("written");
    }
    for asset in ["console.css", "console.svg", "console.js"] {
        let (_, content) = browser.get(&format!("/{asset}")).await;
        std::fs::write(folder.join(asset), content).expect("written");
    }
    println!("the pages are in {}", folder.display());
    world.close().await;
}

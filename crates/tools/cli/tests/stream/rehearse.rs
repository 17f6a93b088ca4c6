//! `ballet rehearse`: recorded orders, against releases with and without a bug.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ballet::core::topology;
use ballet::{Clock, Running, Settings};
use ballet_amqp::BasicProperties;
use ballet_stage::{Method, Servers, wait_until};
use ballet_testkit::command::{CommandOutput, ended_within, interrupt, lines};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;
use uuid::Uuid;

use crate::release::{BROKEN, release, script, service};
use crate::world::{SOON, StreamWorld, event};

const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
const LONG: Duration = Duration::from_secs(550);
/// The stock before the orders. There are no lamps.
const SHELVES: &str = "insert into stock (sku, on_hand, received, created_at) \
    values ('mug', 100, 100, now()), ('teapot', 100, 100, now())";

/// The products as orders has copied them. The catalogue has lamps.
const PRODUCTS: &str = "insert into ballet.copy (entity, id, version, state) \
    select 'product', sku, 1, jsonb_build_object('sku', sku, 'version', 1, 'title', sku, \
        'description', '', 'price', jsonb_build_object('amount_minor', 1250, 'currency', 'EUR'), \
        'category', 'home', 'tags', '[]'::jsonb, 'published_at', '2026-01-01T00:00:00Z', \
        'changed_at', '2026-01-01T00:00:00Z') \
    from unnest(array['mug', 'teapot', 'lamp']) as sku on conflict do nothing";

/// A recording of a shop of today.
struct ShopRecording {
    world: StreamWorld,
    file: String,
    teapots: Vec<Uuid>,
    release: String,
}

impl ShopRecording {
    /// Some complete, one is not paid, and one is for a product that is not in stock.
    async fn new() -> Self {
        let shop = shop::system();
        let names: Vec<_> = shop.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&shop, |_| String::new());
        let world = StreamWorld::with_databases("rehearse", &definitions, &names).await;
        let mut running: Vec<Running> = Vec::new();
        for name in names {
            let settings = Settings::new(world.env.amqp_url(name), world.env.database_url(name));
            let service = service(name, &settings);
            running.push(service.start(settings).await.expect("started"));
        }
        prepare(world.env.database_url("inventory"), SHELVES).await;
        prepare(world.env.database_url("orders"), PRODUCTS).await;
        let clock = Clock::system();
        let orders = [
            ("mug", 1, "card_approved"),
            ("mug", 2, "card_approved"),
            ("mug", 1, "card_declined"),
            ("teapot", 1, "card_approved"),
            ("lamp", 1, "card_approved"),
            ("teapot", 1, "card_approved"),
        ];
        let mut teapots = Vec::new();
        for (sku, quantity, card) in orders {
            let id = clock.new_id(clock.now());
            teapots.extend((sku == "teapot").then_some(id));
            checkout(&world, id, sku, quantity, card).await;
        }
        answers(&world, "orders.order_completed.v1", 4).await;
        answers(&world, "orders.order_cancelled.v1", 2).await;
        answers(&world, "inventory.stock_released.v1", 1).await;
        let file = world.record("orders.jsonl").await;
        for service in running {
            service.stop().await;
        }
        let release = release(&world.place).display().to_string();
        Self { world, file, teapots, release }
    }

    async fn rehearse(&self, options: &[&str], code: i32) -> CommandOutput {
        let ended = ended_within(LONG, &mut self.command(options).await).await.ends_with(code);
        remove_logs(&ended.err);
        ended
    }

    async fn command(&self, options: &[&str]) -> Command {
        let test = std::env::current_exe().expect("this program").display().to_string();
        let fill = format!("BALLET_TEST_PREPARE=1 '{test}' rehearse::shelves --exact --nocapture");
        let prepare =
            if options.contains(&"--prepare") { vec![] } else { vec!["--prepare", &fill] };
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command
            .args(["rehearse", &self.release, &self.file, "--contracts", CONTRACTS])
            // Longer than a silence on a busy machine.
            .args(["--settle", "20s"])
            .args(prepare)
            .args(options)
            .current_dir(&self.world.place)
            .envs(Servers::shared().await.expect("servers").env())
            // A service must not see this shell's settings.
            .env("HTTP_REQUESTS", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// The output names the rehearsal's number.
    async fn left(&self, said: &str) -> Vec<String> {
        let (_, number) = said.split_once("_rehearsal_").expect("it names its virtual host");
        let number = format!("_rehearsal_{}", &number[..6]);
        let vhosts = self.world.env.management().call(Method::GET, &["vhosts"], None).await;
        let vhosts = vhosts.expect("a list");
        let vhosts = vhosts.as_array().expect("a list").iter();
        let mut left: Vec<String> =
            vhosts.map(|vhost| vhost["name"].as_str().expect("a name").to_owned()).collect();
        let [_, _, (_, url), _] = Servers::shared().await.expect("servers").env();
        let mut session = PgConnection::connect(url).await.expect("a session");
        let databases = sqlx::query_scalar("select datname::text from pg_database");
        left.extend(databases.fetch_all(&mut session).await.expect("databases"));
        session.close().await.expect("closed");
        left.retain(|name: &String| name.ends_with(&number));
        left
    }
}

/// A command that says where the logs are leaves them.
fn remove_logs(said: &str) {
    if let Some((_, folder)) = said.split_once("the services' logs are in ") {
        let folder = Path::new(folder.lines().next().expect("a folder"));
        assert!(folder.join("inventory.log").exists(), "{said}");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}

#[tokio::test]
async fn shelves() {
    let of_a_rehearsal = std::env::var_os("BALLET_TEST_PREPARE").is_some();
    for (name, rows) in [("INVENTORY", SHELVES), ("ORDERS", PRODUCTS)] {
        let Ok(url) = std::env::var(format!("{name}_DATABASE_URL")) else {
            return assert!(!of_a_rehearsal, "a rehearsal names the databases");
        };
        prepare(&url, rows).await;
    }
}

async fn prepare(database_url: &str, rows: &'static str) {
    let mut session = PgConnection::connect(database_url).await.expect("a session");
    sqlx::query(rows).execute(&mut session).await.expect("rows");
    session.close().await.expect("closed");
}

async fn checkout(world: &StreamWorld, id: Uuid, sku: &str, quantity: u64, card: &str) {
    let body = json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": sku, "quantity": quantity,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": card,
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    });
    let properties = BasicProperties::default().with_message_id(id.to_string().into());
    let mut message = event("cart.checked_out.v1", properties, &body);
    message.properties = message.properties.with_app_id("storefront".into());
    world.publish(vec![message]).await;
}

async fn answers(world: &StreamWorld, of: &str, count: usize) {
    wait_until(&format!("{count} of {of}"), SOON, || async {
        let all = world.tap(&[of, "--from", "first", "--until", "now"]).await;
        if all.len() >= count { Ok(Some(())) } else { Err(format!("{} so far", all.len())) }
    })
    .await
    .expect("answers");
}

#[tokio::test]
async fn a_rehearsal_is_clean_with_the_same_build_and_names_the_step_and_the_sagas_of_a_bug() {
    let recorded = ShopRecording::new().await;
    // It does not say where it serves HTTP.
    let silent = recorded.world.place.join("silent");
    script(&silent, &format!("exec '{}/payments' \"$@\" > /dev/null 2>&1", recorded.release));
    let silent = format!("payments={}", silent.display());
    let options = ["--on-given-servers", "--program", &silent];
    let CommandOutput { out, err: said, .. } = recorded.rehearse(&options, 0).await;
    assert!(said.contains("6 events sent") && said.contains("6 of 6 are the same"), "{said}");
    assert_eq!(out, "", "{said}");
    assert_eq!(recorded.left(&said).await, [""; 0]);

    // On its own servers, with one service of another release.
    let broken = format!("inventory={}/{BROKEN}", recorded.release);
    let CommandOutput { out, err: said, .. } =
        recorded.rehearse(&["--program", &broken, "-o", "jsonl"], 3).await;
    assert!(said.contains("2 of 6 sagas differ"), "{said}\n{out}");
    let differences = lines(&out);
    for difference in &differences {
        assert_eq!(difference["change"], "field", "{out}");
        let path = difference["path"].as_array().expect("a path");
        assert_eq!(path.last(), Some(&json!("inventory.stock_reserved.v1")), "{out}");
        assert_eq!(difference["pointer"], "/lines/0/quantity", "{out}");
        assert_eq!(difference["step"], "reserve_stock of inventory", "{out}");
        assert_eq!((&difference["expected"], &difference["actual"]), (&json!(1), &json!(2)));
    }
    let mut sagas: Vec<Value> = differences.iter().map(|one| one["saga"].clone()).collect();
    sagas.sort_by_key(Value::to_string);
    assert_eq!(json!(sagas), json!(recorded.teapots));
    recorded.world.close().await;
}

#[tokio::test]
async fn a_rehearsal_that_fails_says_why_and_leaves_nothing() {
    let world = StreamWorld::new("rehearse-fails").await;
    world.ticks(0..1).await;
    let file = world.record("run.jsonl").await;
    let recorded = ShopRecording {
        release: release(&world.place).display().to_string(),
        file,
        world,
        teapots: Vec::new(),
    };
    let place = recorded.world.place.clone();
    let said = recorded.rehearse(&["--program", "inventory=nowhere"], 2).await.err;
    assert!(said.contains("every service of shop needs a program"), "{said}");
    assert!(said.contains("/nowhere: No such file"), "{said}");
    let said = recorded.rehearse(&["--program", "bakery=nowhere"], 2).await.err;
    assert!(said.contains("shop has no such service, only cart, "), "{said}");
    recorded.rehearse(&["--env", "bakery.LANES=4"], 2).await.says(&["shop has no service bakery"]);

    let said = recorded.rehearse(&["--saga", "none"], 2).await.err;
    assert!(said.contains("no event that can be sent"), "{said}");
    assert!(!said.contains("starting"), "{said}");

    script(&place.join("ends"), "echo 'there is no oven' >&2; exit 7");
    let given = "--on-given-servers";
    let said = recorded.rehearse(&[given, "--program", "inventory=ends"], 1).await.err;
    assert!(said.contains("inventory ended with exit status: 7; its log is "), "{said}");
    assert!(said.contains("there is no oven"), "{said}");
    assert_eq!(recorded.left(&said).await, [""; 0]);
    let said = recorded.rehearse(&[given, "--prepare", "exit 9"], 1).await.err;
    assert!(said.contains("`exit 9` ended with exit status: 9"), "{said}");
    assert_eq!(recorded.left(&said).await, [""; 0]);

    script(
        &place.join("waits"),
        &format!("echo $$ > '{}'; exec sleep 600", place.join("pid").display()),
    );
    let mut child = recorded.command(&[given, "--program", "inventory=waits"]).await;
    let child = child.spawn().expect("started");
    let pid = wait_until("the service", SOON, || async {
        let text = std::fs::read_to_string(place.join("pid")).map_err(|error| error.to_string())?;
        Ok::<_, String>(text.trim().parse::<i32>().ok())
    });
    let service = Pid::from_raw(pid.await.expect("a process")).expect("an id");
    interrupt(&child);
    let output = tokio::time::timeout(LONG, child.wait_with_output()).await;
    let output = output.expect("it ends in time").expect("an end");
    let said = CommandOutput::from(output).ends_with(1).err;
    remove_logs(&said);
    assert!(said.contains("it was interrupted: nothing was compared"), "{said}");
    assert!(test_kill_process(service).is_err(), "the service is left");
    assert_eq!(recorded.left(&said).await, [""; 0]);
    recorded.world.close().await;
}

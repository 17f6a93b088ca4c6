//! The program's log as an operator reads it: one line for each event of the program's life, with the ids and the
//! reason.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event};
use ballet_stage::{Link, Proxy, QueueDepth, Servers, TestEnv, wait_until};
use orders::config::DEADLINE;
use serde_json::{Value, json};
use shop_events::cart::CartCheckedOut;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SOON: Duration = Duration::from_secs(90);

/// The program, with the addresses of its servers.
struct OrdersProgram {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    env: TestEnv,
    broker: Proxy,
    database: Proxy,
}

impl OrdersProgram {
    async fn start() -> Self {
        let servers = Servers::shared().await.expect("servers");
        let system = System { name: "shop", parts: vec![orders::participant(DEADLINE).part()] };
        let definitions = topology::definitions(&system, |_| String::new());
        let env = TestEnv::new(servers, "log", &definitions, &["orders"]).await.expect("a world");
        let broker = Proxy::to(env.amqp_url("orders")).await.expect("a way");
        let database = Proxy::to(env.database_url("orders")).await.expect("a way");
        let mut child = Command::new(env!("CARGO_BIN_EXE_orders"))
            .env_clear()
            .envs([
                ("AMQP_URL", broker.url()),
                ("DATABASE_URL", database.url()),
                ("RABBITMQ_MANAGEMENT_URL", env.management().url()),
                ("LISTEN", "127.0.0.1:0"),
                ("LOG_FORMAT", "json"),
            ])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a process");
        let log = Arc::<Mutex<Vec<Value>>>::default();
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let into = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let raw = |_| json!({ "message": line, "target": "raw" });
                let mut line: Value = serde_json::from_str(&line).unwrap_or_else(raw);
                line.as_object_mut().expect("an object").remove("timestamp");
                // On a busy machine, sqlx logs slow statements.
                if !target(&line).starts_with("sqlx") {
                    into.lock().expect("no panic").push(line);
                }
            }
        });
        Self { child, log, env, broker, database }
    }

    fn lines(&self) -> Vec<Value> {
        self.log.lock().expect("no panic").clone()
    }

    /// Waits until these messages have been logged since a line, each once.
    async fn until_said(&self, since: usize, messages: &[&str]) {
        wait_until(&format!("{messages:?}"), SOON, || async {
            let lines = self.lines().split_off(since);
            let said = |message: &&&str| lines.iter().any(|line| says(line, message));
            let missing: Vec<_> = messages.iter().filter(|message| !said(message)).collect();
            if missing.is_empty() {
                Ok(Some(()))
            } else {
                Err(format!("{missing:?} in {lines:#?}"))
            }
        })
        .await
        .expect("said");
    }

    /// Waits until every message is settled. An unsettled one comes again after each outage, and is suspect in the
    /// end.
    async fn settled(&self) {
        let is_settled = |depth: QueueDepth| depth.ready + depth.unacked == 0;
        self.env.management().until_depth("orders", SOON, is_settled).await.expect("settled");
    }

    async fn execute(&self, sql: &'static str) {
        let url = self.env.database_url("orders");
        let mut db = PgConnection::connect(url).await.expect("a connection");
        db.execute(sql).await.expect("executed");
    }

    /// Sends a request, and reads the whole answer.
    async fn get(&self, path: &str) {
        let lines = self.lines();
        let serving = lines.iter().find(|line| says(line, "serving HTTP")).expect("it serves");
        let address = serving["address"].as_str().expect("an address");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream.read_to_end(&mut Vec::new()).await.expect("an answer");
    }

    async fn publish(&self, body: &str) -> String {
        let clock = Clock::system();
        let id = clock.new_id(clock.now()).to_string();
        let properties = json!({
            "message_id": id, "type": CartCheckedOut::TYPE.name(), "correlation_id": id,
            "content_type": "application/json",
        });
        let key = CartCheckedOut::TYPE.name();
        let routed = self.env.management().publish("events", key, &properties, body).await;
        assert!(routed.expect("published"), "{key} reaches nobody");
        id
    }
}

fn target(line: &Value) -> &str {
    line["target"].as_str().unwrap_or_default()
}

fn says(line: &Value, message: &str) -> bool {
    line["message"].as_str().is_some_and(|said| said.starts_with(message))
}

/// Returns the lines about a message. Each names the message, its type and its saga.
fn about(lines: &[Value], id: &str) -> Vec<Value> {
    let about = lines.iter().filter(|line| line.to_string().contains(id));
    let about: Vec<Value> = about.cloned().collect();
    for line in &about {
        let span = &line["span"];
        let named = (&span["id"], &span["saga"], &span["type"]);
        assert_eq!(named, (&json!(id), &json!(id), &json!("cart.checked_out.v1")), "{line:#}");
    }
    about
}

fn assert_none_twice(lines: &[Value]) {
    let mut seen = BTreeSet::new();
    for line in lines {
        assert!(seen.insert(line.to_string()), "twice: {line:#}");
    }
}

const CHECKOUT: &str = r#"{
    "customer_id": "00000000-0000-0000-0000-000000000000", "card_token": "card_approved",
    "lines": [{"sku": "mug", "quantity": 1, "unit_price": {"amount_minor": 100, "currency": "EUR"}}],
    "ship_to": {"name": "Ada", "street": "Main Street 1", "postal_code": "1", "city": "Dublin",
        "country": "IE"}
}"#;

/// The product as catalog would have published it.
const MUG: &str = r#"insert into ballet.copy (entity, id, version, state) values ('product', 'mug', 1, '{
    "sku": "mug", "version": 1, "title": "A mug", "description": "", "category": "kitchen", "tags": [],
    "price": {"amount_minor": 100, "currency": "EUR"},
    "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z"}')"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_of_life_is_one_line_that_names_what_it_is_about_and_why() {
    let mut program = OrdersProgram::start().await;
    // A start.
    let started = ["serving HTTP", "publisher is connected", "consumer is connected"];
    let asked = "asked catalog for all entities named product";
    program.until_said(0, &[&started[..], &[asked]].concat()).await;
    let lines = program.lines();
    assert_none_twice(&lines);
    assert!(lines.iter().all(|line| line["level"] == "INFO"), "{lines:#?}");

    // An unreadable message.
    let since = program.lines().len();
    let unreadable = program.publish("what?").await;
    program.until_said(since, &["a message that cannot be taken is set aside"]).await;

    // A message whose handler fails again and again.
    program.execute(MUG).await;
    program.execute("alter table customer_order rename to away").await;
    let failing = program.publish(CHECKOUT).await;
    program.get("/orders").await;
    program.until_said(since, &["a message is set aside", "a request failed"]).await;
    program.execute("alter table away rename to customer_order").await;
    let lines = program.lines().split_off(since);
    assert_none_twice(&lines);
    let unread = about(&lines, &unreadable);
    assert_eq!(unread.len(), 1, "{unread:#?}");
    assert_eq!((&unread[0]["level"], &unread[0]["reason"]), (&json!("ERROR"), &json!("not_json")));
    let (wrong, failed): (Vec<_>, Vec<_>) = about(&lines, &failing)
        .into_iter()
        .partition(|line| says(line, "a statement of accept_checkout does not fit the database: "));
    assert!(wrong.len() == 1 && wrong[0]["level"] == "ERROR", "{wrong:#?}");
    let (last, before) = failed.split_last().expect("lines");
    assert!(says(last, "a message is set aside: ") && last["level"] == "ERROR", "{last:#}");
    for line in before {
        let told = ["a handler failed; trying again: ", "a message is tried again later: "];
        assert!(told.iter().any(|told| says(line, told)) && line["level"] == "WARN", "{line:#}");
    }
    for line in &failed {
        assert!(line["message"].as_str().expect("text").contains("customer_order"), "{line:#}");
        assert!(
            line["attempts"].as_u64() > Some(0) && line["step"] == "accept_checkout",
            "{line:#}"
        );
    }
    let request: Vec<_> = lines.iter().filter(|line| says(line, "a request failed: ")).collect();
    assert!(request.len() == 1 && request[0]["level"] == "ERROR", "{request:#?}");
    let named = ["method", "path", "status"].map(|name| &request[0][name]);
    assert_eq!(named, [&json!("GET"), &json!("/orders"), &json!(500)]);
    assert_eq!(lines.len(), 1 + wrong.len() + failed.len() + 1, "nothing else is said: {lines:#?}");

    // A broker that is away for many attempts to connect.
    program.settled().await;
    let since = program.lines().len();
    let refused = program.broker.refused();
    program.broker.set(Link::Refused);
    program.broker.cut();
    wait_until("attempts to connect", SOON, || async {
        let attempts = program.broker.refused() - refused;
        if attempts >= 8 { Ok(Some(())) } else { Err(format!("{attempts}")) }
    })
    .await
    .expect("attempts");
    program.broker.set(Link::Open);
    program.until_said(since, &started[1..]).await;
    let lines = program.lines().split_off(since);
    assert_none_twice(&lines);
    for role in ["publisher", "consumer"] {
        let lost = format!("{role} has no connection; retrying");
        let lost: Vec<_> = lines.iter().filter(|line| says(line, &lost)).collect();
        // The connection is lost, and cannot be had again.
        assert!((1..=2).contains(&lost.len()), "{lost:#?}");
        assert!(lost.iter().all(|line| line["cause"].is_string()), "{lost:#?}");
    }

    // A database that is away until consuming is paused.
    program.settled().await;
    let since = program.lines().len();
    program.database.set(Link::Refused);
    program.database.cut();
    let away = ["the database is away", "the database has been away for 10s; consuming is paused"];
    program.until_said(since, &away).await;
    program.database.set(Link::Open);
    let back = ["the database answers again", "consuming resumes", "consumer is connected"];
    program.until_said(since, &back).await;
    let lines = program.lines().split_off(since);
    assert_none_twice(&lines);
    for said in [&away[..], &back].concat() {
        let times = lines.iter().filter(|line| says(line, said)).count();
        assert_eq!(times, 1, "{said}: {lines:#?}");
    }
    assert_eq!(lines.len(), away.len() + back.len(), "nothing else is said: {lines:#?}");

    // A stop.
    let since = program.lines().len();
    let pid = program.child.id().expect("it runs").to_string();
    Command::new("kill").args(["-TERM", &pid]).status().await.expect("asked to stop");
    let ended = tokio::time::timeout(SOON, program.child.wait()).await.expect("it stops in time");
    assert!(ended.expect("a status").success());
    program.until_said(since, &["stopping", "stopped"]).await;
    let lines = program.lines();
    assert_eq!(lines[since..].len(), 2, "{:#?}", &lines[since..]);
    assert_eq!(lines[since]["signal"], "SIGTERM");
    // The broker's client logs none of this a second time.
    let others: Vec<_> = lines.iter().filter(|line| !target(line).starts_with("ballet")).collect();
    assert!(others.is_empty(), "{others:#?}");
}

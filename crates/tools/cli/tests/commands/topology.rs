//! `ballet topology` in a rollout, with its user's rights.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ballet::core::{EventType, Part, SubscriptionPart, System, topology};
use ballet_amqp::{Broker, RabbitMq};
use ballet_stage::{Method, Servers, TestEnv, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use serde_json::{Value, json};
use tokio::process::Command;

const TICKED: &str = "clock.ticked.v1";
const STRUCK: &str = "clock.struck.v1";

/// The bell follows these of the clock's events.
fn declared(follows: &[&'static str]) -> Value {
    topology::definitions(&tower(follows, &[]), |_| String::new())
}

/// Further services do nothing.
fn tower(follows: &[&'static str], more: &[&'static str]) -> System {
    let clock = Part {
        service: "clock",
        publishes: [TICKED, STRUCK].map(EventType::plain).to_vec(),
        ..Part::default()
    };
    let follow = |on: &&'static str| SubscriptionPart { name: "ring", on: EventType::plain(on) };
    let subscriptions = follows.iter().map(follow).collect();
    let bell = Part { service: "bell", subscriptions, ..Part::default() };
    let more = more.iter().map(|service| Part { service, ..Part::default() });
    System { name: "tower", parts: [clock, bell].into_iter().chain(more).collect() }
}

struct TopologyWorld {
    env: TestEnv,
    place: PathBuf,
    management_url: String,
}

impl TopologyWorld {
    async fn new(name: &str, definitions: &Value) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let env = TestEnv::new(servers, name, definitions, &[]).await.expect("a test environment");
        let user = env.amqp_url("topology").trim_start_matches("amqp://");
        let (user, _) = user.split_once('@').expect("a user");
        let at = servers.rabbitmq().management_url().trim_start_matches("http://");
        let management_url = format!("http://{user}@{at}");
        let place = format!("topology-{name}-{}", std::process::id());
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
        std::fs::create_dir_all(&place).expect("a directory");
        Self { env, place, management_url }
    }

    async fn topology(&self, definitions: &Value, arguments: &[&str]) -> CommandOutput {
        let file = self.place.join("definitions.json");
        std::fs::write(&file, definitions.to_string()).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command.arg("topology").args(arguments).arg("--definitions").arg(file);
        command.args(["--vhost", self.env.vhost()]).stdin(Stdio::null());
        command.env("RABBITMQ_MANAGEMENT_URL", &self.management_url);
        ended(command).await
    }

    async fn until_check(&self, definitions: &Value, code: i32, named: &[&str]) {
        wait_until(&format!("a check with {code}"), Duration::from_secs(60), || async {
            let found = self.topology(definitions, &["check"]).await;
            let said = found.both();
            let all = named.iter().all(|part| said.contains(part));
            if found.code == Some(code) && all { Ok(Some(())) } else { Err(said) }
        })
        .await
        .expect("a check");
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Value {
        let mut whole = vec![path[0], self.env.vhost()];
        whole.extend(&path[1..]);
        self.env.management().call(method, &whole, body).await.expect("an answer")
    }

    async fn reaches_bell(&self, event: &str) -> bool {
        let management = self.env.management();
        management.publish("events", event, &json!({}), "{}").await.expect("published");
        management.take("bell", 10).await.expect("messages").len() == 1
    }

    async fn close(self) {
        self.env.close().await.expect("closed");
        std::fs::remove_dir_all(&self.place).expect("removed");
    }
}

/// The last part fills a queue for good.
#[tokio::test]
async fn t21_t175_what_differs_or_is_held_is_named_and_what_is_missing_is_made() {
    let wanted = declared(&[TICKED]);
    let world = TopologyWorld::new("other", &wanted).await;
    a_queue_with_other_arguments_is_named_with_what_differs(&world, &wanted).await;
    all_that_is_missing_is_made_by_a_user_who_may_do_no_more(&world, &wanted).await;
    a_check_names_the_queue_whose_messages_cannot_be_dead_lettered(&world, &wanted).await;
    world.close().await;
}

async fn a_queue_with_other_arguments_is_named_with_what_differs(
    world: &TopologyWorld,
    wanted: &Value,
) {
    world.topology(wanted, &["check"]).await.ends_with(0).tells(&["the broker is as declared"]);

    world.call(Method::DELETE, &["queues", "bell"], None).await;
    let other = json!({ "durable": true, "arguments": { "x-queue-type": "classic",
        "x-max-length": 5 } });
    world.call(Method::PUT, &["queues", "bell"], Some(&other)).await;
    world.topology(wanted, &["check"]).await.ends_with(1).tells(&[
        "queue `bell`: ",
        r#"x-queue-type is "classic", but should be "quorum""#,
        "x-delivery-limit is none, but should be 1000000000",
        "x-max-length is 5, but should be none",
        "the binding of queue `bell` to `route` with key `clock.ticked.v1` is missing",
    ]);
    // A queue that may hold messages is not touched.
    world.topology(wanted, &["apply"]).await.ends_with(3).tells(&["by hand  queue `bell`"]);
    assert!(world.reaches_bell(TICKED).await);
    world.call(Method::DELETE, &["queues", "bell"], None).await;
    world.topology(wanted, &["apply"]).await.ends_with(0);
}

#[tokio::test]
async fn t22_the_binding_of_a_handler_that_is_gone_is_removed_and_its_event_comes_no_more() {
    let (before, after) = (declared(&[TICKED, STRUCK]), declared(&[TICKED]));
    let world = TopologyWorld::new("unsubscribed", &before).await;
    let queue = json!({ "durable": true, "arguments": {} });
    world.call(Method::PUT, &["queues", "stranger"], Some(&queue)).await;
    let key = json!({ "routing_key": STRUCK });
    world.call(Method::POST, &["bindings", "e", "events", "q", "stranger"], Some(&key)).await;
    assert!(world.reaches_bell(STRUCK).await);

    let gone = "the binding of queue `bell` to `route` with key `clock.struck.v1`";
    let said = world.topology(&after, &["apply", "--dry-run"]).await.ends_with(0).both();
    assert!(said.contains(&format!("prune    {gone} is no longer declared")), "{said}");
    // Without another consumer the event goes to the journal, but not to `unrouted`.
    assert!(said.contains("create   the binding of queue `journal` to `route`"), "{said}");
    assert!(said.contains("queue `stranger`") && said.contains("is not ours and stays"), "{said}");
    assert!(world.reaches_bell(STRUCK).await, "a dry run does nothing");

    world.topology(&after, &["apply"]).await.ends_with(0);
    assert!(world.reaches_bell(STRUCK).await, "a process of the release before may read it");
    let said = world.topology(&after, &["apply", "--prune"]).await.ends_with(0).both();
    assert!(said.lines().any(|line| line == format!("removed: {gone}")), "{said}");
    assert!(!world.reaches_bell(STRUCK).await && world.reaches_bell(TICKED).await);
    let heard = world.env.management().take("stranger", 10).await.expect("messages");
    assert_eq!(heard.len(), 4, "the stranger hears it as before");
    world.topology(&after, &["check"]).await.ends_with(0);
    world.close().await;
}

#[tokio::test]
async fn the_queues_of_a_service_that_was_taken_away_are_named_until_somebody_reads_or_deletes_them()
 {
    let wanted = declared(&[TICKED]);
    let before = topology::definitions(&tower(&[TICKED], &["gong"]), |_| String::new());
    let world = TopologyWorld::new("less", &before).await;
    let remedy = |queue: &str| format!("rabbitmqctl delete_queue -p {} {queue}", world.env.vhost());
    let both = ["gong", "gong.dead"].map(remedy);
    world.until_check(&wanted, 1, &both.each_ref().map(|remedy| &**remedy)).await;
    world.topology(&before, &["check"]).await.ends_with(0);

    // While a process of it runs, its dead letters are not abandoned.
    let broker = RabbitMq::new(world.env.amqp_url("gong")).expect("a URL");
    let session = broker.connect("gong").await.expect("a session");
    let reader = session.consume("gong", "gong", 1).await.expect("a consumer");
    world.until_check(&wanted, 0, &[]).await;
    drop(reader);
    session.close().await;
    world.until_check(&wanted, 1, &[]).await;
    for queue in ["gong", "gong.dead"] {
        world.call(Method::DELETE, &["queues", queue], None).await;
    }
    world.until_check(&wanted, 0, &[]).await;
    world.close().await;
}

async fn all_that_is_missing_is_made_by_a_user_who_may_do_no_more(
    world: &TopologyWorld,
    wanted: &Value,
) {
    for exchange in ["events", "route", "unrouted", "dead", "retry.5s"] {
        world.call(Method::DELETE, &["exchanges", exchange], None).await;
    }
    for queue in ["bell", "bell.dead", "journal", "unrouted", "retry.5s"] {
        world.call(Method::DELETE, &["queues", queue], None).await;
    }
    world.call(Method::DELETE, &["policies", "unrouted"], None).await;
    let other = json!({ "pattern": "^journal$", "apply-to": "queues", "priority": 1,
        "definition": { "max-age": "1h" } });
    world.call(Method::PUT, &["policies", topology::JOURNAL_POLICY], Some(&other)).await;
    let said = world.topology(wanted, &["apply"]).await.ends_with(0).both();
    let changed = format!("changed: policy `{}`", topology::JOURNAL_POLICY);
    assert!(said.contains(&changed), "{said}");
    assert!(world.reaches_bell(TICKED).await);

    // The broker applies a policy to its queues a moment later.
    let applied = wait_until("policies in force", Duration::from_secs(60), || async {
        let said = world.topology(wanted, &["check"]).await.both();
        if said.contains("queue `unrouted`") { Err(said) } else { Ok(Some(())) }
    });
    applied.await.expect("a check");
    // The previous release may need what it keeps longer.
    let mut policies = wanted["policies"].as_array().expect("a list").iter();
    let longer = policies.find(|one| one["name"] == topology::JOURNAL_POLICY);
    let mut longer = longer.expect("a policy").clone();
    longer["definition"]["max-age"] = json!("30D");
    world.call(Method::PUT, &["policies", topology::JOURNAL_POLICY], Some(&longer)).await;
    let said = world.topology(wanted, &["apply"]).await.ends_with(0).both();
    assert!(said.contains("prune    policy") && !said.contains(&changed), "{said}");
    world.topology(wanted, &["apply", "--prune"]).await.ends_with(0).tells(&[&changed]);

    let mut more = declared(&[TICKED]);
    let mut queue = more["queues"][0].clone();
    queue["name"] = json!("somebody");
    more["queues"].as_array_mut().expect("a list").push(queue);
    let said = world.topology(&more, &["apply"]).await.ends_with(1).both();
    assert!(said.contains("rights that the definitions give to `topology`"), "{said}");
}

#[tokio::test]
async fn a_service_more_gets_its_rights_and_nobody_another_password() {
    let (before, after) = (tower(&[TICKED], &[]), tower(&[TICKED], &["gong"]));
    let world = TopologyWorld::new("more", &declared(&[TICKED])).await;
    let wanted = topology::definitions(&after, |_| String::new());
    let said = world.topology(&wanted, &["apply"]).await.ends_with(1).both();
    assert!(said.contains("rights that the definitions give to `topology`"), "{said}");

    let management = world.env.management();
    let suffix = world.env.vhost().trim_start_matches(before.name);
    let gong = json!({ "password": "its own", "tags": "management" });
    let user = format!("gong{suffix}");
    management.call(Method::PUT, &["users", &user], Some(&gong)).await.expect("a user");
    let contracts = world.place.join("tower");
    std::fs::create_dir_all(&contracts).expect("a directory");
    for part in &after.parts {
        let file = contracts.join(format!("{}.json", part.service));
        // The events that the user handles give it no permissions.
        let contract = json!({ "contract": 1, "service": part.service, "events": [] });
        std::fs::write(file, contract.to_string()).expect("written");
    }
    let mut print = Command::new(env!("CARGO_BIN_EXE_ballet"));
    print.args(["topology", "definitions", "--rights"]).env("BALLET_CONTRACTS", &contracts);
    let printed = print.output().await.expect("it runs");
    let mut rights: Value = serde_json::from_slice(&printed.stdout).expect("definitions");
    let sections = rights.as_object().expect("sections").keys().cloned().collect::<Vec<_>>();
    assert_eq!(sections, ["explanation", "permissions", "topic_permissions"]);
    for section in ["permissions", "topic_permissions"] {
        let entries = rights[section].as_array_mut().expect("a list");
        // All tests on the servers share the user.
        entries.retain(|entry| entry["user"] != topology::OPS);
        for entry in entries {
            entry["vhost"] = json!(world.env.vhost());
            entry["user"] = json!(format!("{}{suffix}", entry["user"].as_str().expect("a name")));
        }
    }
    management.call(Method::POST, &["definitions"], Some(&rights)).await.expect("imported");

    world.topology(&wanted, &["apply"]).await.ends_with(0).tells(&["created: queue `gong`"]);
    // `topology` logs in with its earlier password, the new user with its own.
    let url = world.env.amqp_url("bell").replace(&format!("bell{suffix}"), &user);
    let (start, _) = url.split_once("://").expect("a URL");
    let (_, place) = url.split_once('@').expect("a URL");
    let broker = RabbitMq::new(&format!("{start}://{user}:its%20own@{place}")).expect("a URL");
    let session = broker.connect("gong").await.expect("a session");
    drop(session.consume("gong", "gong", 1).await.expect("a consumer"));
    session.close().await;
    management.call(Method::DELETE, &["users", &user], None).await.expect("removed");
    world.close().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_and_a_wrong_address_are_told() {
    for (url, code, says) in [
        ("http://topology:secret@127.0.0.1:1", 4, "cannot be reached"),
        ("http://127.0.0.1:15672", 2, "should be like http://user:password@host:15672"),
        ("https://topology:secret@127.0.0.1:1", 2, "the management URL begins with https://"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command.args(["topology", "check", "--management-url", url]).stdin(Stdio::null());
        let said = ended(command).await.ends_with(code).says(&[says]).err;
        assert!(!said.contains("secret"), "{said}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command.env("BALLET_MANAGEMENT_URL", "https://topology:secret@127.0.0.1:1");
    command.args(["topology", "check"]).stdin(Stdio::null());
    let says = ["the management URL begins with https://", "run a tunnel"];
    let said = ended(command).await.ends_with(2).says(&says).err;
    assert!(!said.contains("secret"), "{said}");
}

async fn a_check_names_the_queue_whose_messages_cannot_be_dead_lettered(
    world: &TopologyWorld,
    wanted: &Value,
) {
    let management = world.env.management();
    // It takes the events that no other queue takes.
    let full = json!({"pattern": "^unrouted$", "apply-to": "queues", "priority": 99,
        "definition": {"max-length": 1, "overflow": "reject-publish"}});
    let policy = ["policies", world.env.vhost(), "full"];
    management.call(Method::PUT, &policy, Some(&full)).await.expect("a policy");
    wait_until("a full queue", Duration::from_secs(60), || async {
        match management.publish("amq.default", "unrouted", &json!({}), "{}").await {
            Err(refused) if refused.to_string().contains("Check queue limits") => Ok(Some(())),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .expect("full");
    let published = management.publish("retry.5s", "nowhere", &json!({}), "{}").await;
    assert!(published.expect("published"));
    wait_until("the broker to hold it", Duration::from_secs(60), || async {
        let queue = world.call(Method::GET, &["queues", "retry.5s"], None).await;
        if queue["messages_dlx"] == 1 { Ok(Some(())) } else { Err(queue.to_string()) }
    })
    .await
    .expect("held");
    // The broker reports a policy in force some moments later.
    let held = "held     1 message in queue `retry.5s` waited longer";
    world.until_check(wanted, 1, &["in force: policy `full`", held]).await;
}

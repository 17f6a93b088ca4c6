//! A broker with a journal, its events, and the command.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::{EventType, Part, SubscriptionPart, System, topology};
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, FieldTable, Publish, PublishOutcome, RabbitMq, Session,
};
use ballet_stage::{Servers, TestEnv};
use ballet_testkit::command::{CommandOutput, ended};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::process::Command;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const TICKED: &str = "clock.ticked.v1";
pub(crate) const RANG: &str = "bell.rang.v1";
pub(crate) const STRUCK: &str = "clock.struck.v1";

/// Defines a bell that follows the clock's ticks.
pub(crate) fn definitions() -> Value {
    let clock = Part {
        service: "clock",
        publishes: [TICKED, STRUCK].map(EventType::plain).to_vec(),
        ..Part::default()
    };
    let hears = SubscriptionPart { name: "hear", on: EventType::plain(TICKED) };
    let bell = Part {
        service: "bell",
        publishes: vec![EventType::plain(RANG)],
        subscriptions: vec![hears],
        ..Part::default()
    };
    topology::definitions(&System { name: "tower", parts: vec![clock, bell] }, |_| String::new())
}

/// Defines a journal that keeps only its last events.
pub(crate) fn with_short_journal() -> Value {
    let mut definitions = definitions();
    let policies = definitions["policies"].as_array_mut().expect("policies");
    policies.retain(|policy| !policy["pattern"].as_str().expect("a pattern").contains("journal"));
    for queue in definitions["queues"].as_array_mut().expect("queues") {
        if queue["name"] == "journal" {
            queue["arguments"] = json!({ "x-queue-type": "stream",
                "x-max-length-bytes": 200_000, "x-stream-max-segment-size-bytes": 100_000 });
        }
    }
    definitions
}

pub(crate) struct StreamWorld {
    pub(crate) env: TestEnv,
    pub(crate) place: PathBuf,
    session: Arc<dyn Session>,
    confirms: tokio::sync::Mutex<ballet_amqp::Confirms>,
}

impl StreamWorld {
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, &definitions()).await
    }

    pub(crate) async fn with(name: &str, definitions: &Value) -> Self {
        Self::with_databases(name, definitions, &[]).await
    }

    pub(crate) async fn with_databases(name: &str, definitions: &Value, of: &[&str]) -> Self {
        let servers = Servers::shared().await.expect("servers");
        Self::with_databases_on(servers, name, definitions, of).await
    }

    pub(crate) async fn on(servers: &Servers, name: &str, definitions: &Value) -> Self {
        Self::with_databases_on(servers, name, definitions, &[]).await
    }

    async fn with_databases_on(
        servers: &Servers,
        name: &str,
        definitions: &Value,
        of: &[&str],
    ) -> Self {
        let env = TestEnv::new(servers, name, definitions, of).await.expect("a test environment");
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("stream-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a directory");
        let broker = RabbitMq::new(env.ops_amqp_url()).expect("a URL");
        let session = broker.connect("test").await.expect("a session");
        let confirms = session.confirms().await.expect("confirms").into();
        Self { env, place, session, confirms }
    }

    pub(crate) async fn close(self) {
        self.session.close().await;
        self.env.close().await.expect("closed");
        std::fs::remove_dir_all(&self.place).expect("removed");
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.place.join(name).display().to_string()
    }

    pub(crate) fn blocked(&self) -> tokio::sync::watch::Receiver<bool> {
        self.session.blocked()
    }

    pub(crate) async fn publish(&self, messages: Vec<Publish>) {
        let mut confirms = self.confirms.lock().await;
        let mut open = 0;
        for message in messages {
            self.session.publish(message).expect("published");
            open += 1;
        }
        while open > 0 {
            for confirmed in confirms.next().await.expect("open").expect("confirms") {
                assert_eq!(confirmed.outcome, PublishOutcome::Ack);
                open -= 1;
            }
        }
    }

    pub(crate) async fn ticks(&self, numbers: std::ops::Range<u64>) {
        self.publish(numbers.map(tick).collect()).await;
    }

    /// Runs with the permissions of the user `tap`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(self.env.amqp_url("tap"), arguments)
    }

    pub(crate) fn command_at(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command
            .args(arguments)
            .current_dir(&self.place)
            .env("AMQP_URL", url)
            .env_remove("AMQP_URL_FILE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn ballet(&self, arguments: &[&str]) -> CommandOutput {
        ended(self.command(arguments)).await
    }

    /// Returns the file.
    pub(crate) async fn record(&self, name: &str) -> String {
        let file = self.file(name);
        self.ballet(&["record", &file, "--from", "first", "--until", "now"]).await.ends_with(0);
        file
    }

    pub(crate) async fn tap(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [&["tap", "-o", "jsonl"], arguments].concat();
        self.ballet(&all).await.ends_with(0).lines()
    }
}

pub(crate) fn numbers(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["body"]["number"].as_u64().expect("a number")).collect()
}

pub(crate) fn event(name: &str, properties: BasicProperties, body: &Value) -> Publish {
    Publish {
        exchange: "events".to_owned(),
        routing_key: name.to_owned(),
        mandatory: false,
        properties: properties.with_type(name.into()).with_app_id("clock".into()),
        body: body.to_string().into(),
    }
}

pub(crate) fn tick(number: u64) -> Publish {
    let id = format!("0193f7a0-0000-7000-8000-{number:012}");
    let mut headers = FieldTable::default();
    headers.insert("even".into(), AMQPValue::Boolean(number.is_multiple_of(2)));
    let properties = BasicProperties::default().with_message_id(id.into()).with_headers(headers);
    event(TICKED, properties, &json!({ "number": number }))
}

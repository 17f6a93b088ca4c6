//! `ballet replay --expect`: the differences between two builds of a service.

use ballet::{Clock, Event, EventType, Failure, Participant, Projection, Running, Service};
use ballet::{Settings, Tx};
use ballet_amqp::BasicProperties;
use ballet_stage::wait_until;
use ballet_testkit::command::{CommandOutput, ended, lines};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{RANG, SOON, StreamWorld, TICKED, definitions, event};

ballet_testkit::events! {
    Ticked = plain "clock.ticked.v1" { number: i64, visitor: Uuid }
}

/// The bell's answer, with an id and a time of its own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Rang {
    ring: Uuid,
    visitor: Uuid,
    at: Timestamp,
    tones: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loud: Option<bool>,
}

impl Event for Rang {
    const TYPE: EventType = EventType::plain(RANG);
}

/// A build of the bell, with or without bugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BellBuild {
    Good,
    Broken,
}

struct Ring(BellBuild);

impl Projection for Ring {
    const NAME: &'static str = "ring";
    type On = Ticked;

    async fn apply(&self, tx: &mut Tx<'_>, event: Ticked) -> Result<(), Failure> {
        let bug = |number| self.0 == BellBuild::Broken && event.number == number;
        let tone = if bug(3) { 4 } else { event.number };
        let visitor = if bug(6) { tx.new_id() } else { event.visitor };
        let loud = bug(8).then_some(true);
        let rang = Rang { ring: tx.new_id(), visitor, at: tx.now(), tones: vec![1, tone], loud };
        if bug(5) {
            return Ok(());
        }
        if bug(7) {
            tx.publish(&rang).await?;
        }
        tx.publish(&rang).await
    }
}

/// Starts a bell of this build, until it is stopped.
async fn bell(world: &StreamWorld, build: BellBuild) -> Running {
    let bell = Service::new(Participant::new("bell").publishes::<Rang>().projects(Ring(build)));
    let settings = Settings::new(world.env.amqp_url("bell"), world.env.database_url("bell"));
    bell.start(settings).await.expect("started")
}

/// Replays a recording into a new world with this build. Returns the command's output.
async fn replayed(file: &str, build: BellBuild, more: &[&str]) -> CommandOutput {
    let name = format!("expect-{build:?}-{}", more.len()).to_lowercase();
    let world = StreamWorld::with_databases(&name, &definitions(), &["bell"]).await;
    let running = bell(&world, build).await;
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
    let arguments =
        [&["replay", file, "--pace", "max", "--settle", "15s", "--contracts", contracts], more];
    let said = ended(world.command_at(world.env.ops_amqp_url(), &arguments.concat())).await;
    running.stop().await;
    world.close().await;
    said
}

#[tokio::test]
async fn a_replay_is_clean_with_the_same_build_and_names_what_another_does_otherwise() {
    let recorded = StreamWorld::with_databases("expect", &definitions(), &["bell"]).await;
    let running = bell(&recorded, BellBuild::Good).await;
    let clock = Clock::system();
    let ids: Vec<Uuid> = (0..10).map(|_| clock.new_id(clock.now())).collect();
    let visitor = clock.new_id(clock.now());
    let ticks = ids.iter().zip(0..).map(|(id, number)| {
        let properties = BasicProperties::default().with_message_id(id.to_string().into());
        event(TICKED, properties, &json!({ "number": number, "visitor": visitor }))
    });
    recorded.publish(ticks.collect()).await;
    wait_until("all answers", SOON, || async {
        let all = recorded.tap(&[RANG, "--from", "first", "--until", "now"]).await;
        if all.len() == 10 { Ok(Some(())) } else { Err(format!("{} so far", all.len())) }
    })
    .await
    .expect("answers");
    let file = recorded.record("expect.jsonl").await;
    running.stop().await;

    for more in [&["--expect-same"][..], &["--expect", &file, "--new-ids"]] {
        let CommandOutput { out, err: said, .. } =
            replayed(&file, BellBuild::Good, more).await.ends_with(0);
        assert!(
            said.contains("10 events sent") && said.contains("10 of 10 are the same"),
            "{said}"
        );
        assert_eq!(out, "", "{more:?}");
    }
    let more = ["--expect-same", "-o", "jsonl"];
    let CommandOutput { out, err: said, .. } =
        replayed(&file, BellBuild::Broken, &more).await.ends_with(3);
    assert!(said.contains("5 of 10 sagas differ"), "{said}");
    let mut differences = lines(&out);
    for difference in &mut differences {
        assert_eq!(difference["path"], json!([TICKED, RANG]));
        difference.as_object_mut().expect("an object").remove("body");
    }
    let of = |number: usize| -> Vec<&Value> {
        let is = |difference: &&Value| difference["saga"] == json!(ids[number]);
        differences.iter().filter(is).collect()
    };
    let field = |pointer: &str, expected: Value, actual: Value| {
        json!({ "path": [TICKED, RANG], "change": "field", "pointer": pointer,
            "expected": expected, "actual": actual })
    };
    let without_saga = |difference: &Value| {
        let mut difference = difference.clone();
        difference.as_object_mut().expect("an object").remove("saga");
        difference
    };
    assert_eq!(without_saga(of(3)[0]), field("/tones/1", json!(3), json!(4)));
    assert_eq!(of(5)[0]["change"], "missing");
    assert_eq!(of(6)[0]["pointer"], "/visitor");
    assert_eq!(of(6)[0]["expected"], json!(visitor));
    assert_eq!(of(7)[0]["change"], "new");
    assert_eq!(without_saga(of(8)[0]), field("/loud", Value::Null, json!(true)));
    assert_eq!(differences.len(), 5, "{differences:?}");
    let ignored = ["--expect-same", "--new-ids", "--ignore", "tones", "--ignore", "loud"];
    let CommandOutput { out, err: said, .. } =
        replayed(&file, BellBuild::Broken, &ignored).await.ends_with(3);
    assert!(said.contains("3 of 10 sagas differ"), "{said}");
    assert!(out.contains("- bell.rang.v1 is missing: {"), "{out}");
    assert!(out.contains(&format!("~ bell.rang.v1 /visitor: expected \"{visitor}\"")), "{out}");
    recorded.close().await;
}

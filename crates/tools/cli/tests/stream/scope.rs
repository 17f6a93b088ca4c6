//! Which events of a recording `ballet replay --expect-same` sends and compares, by the contracts.

use std::path::Path;

use ballet::{Event, EventType, Failure, Participant, Projection, Service, Settings, Tx};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_check::contracts::Contracts;
use ballet_testkit::command::{CommandOutput, ended};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{StreamWorld, event};

const ARRIVED: &str = "guest.arrived.v1";
const WELCOMED: &str = "host.welcomed.v1";
const THANKED: &str = "guest.thanked.v1";
const RANG: &str = "bell.rang.v1";
const SAT_DOWN: &str = "host.sat_down.v1";
const LATE: &str = "host.party_deadline_passed.v1";

/// Guests arrive, or the host lets them in by a request.
fn contracts(folder: &Path) {
    let in_saga = |name: &str| json!({ "name": name, "role": "in_saga", "schema": {} });
    let plain = |name: &str| json!({ "name": name, "role": "plain", "schema": {} });
    let arrived = json!({ "name": ARRIVED, "role": "starts_saga", "also_from": ["street"],
        "schema": {} });
    let guest = json!({ "contract": 1, "service": "guest", "publishes": [ARRIVED, THANKED],
        "subscriptions": [{ "name": "thank", "on": WELCOMED }],
        "events": [arrived, plain(THANKED), in_saga(WELCOMED)] });
    let welcome = json!({ "name": "welcome", "kind": "origin", "on": [ARRIVED], "done": WELCOMED });
    let let_in = json!({ "name": "let_in", "kind": "origin", "done": WELCOMED });
    let sit_down =
        json!({ "name": "sit_down", "kind": "decision", "on": [RANG], "done": SAT_DOWN });
    let party = json!({ "saga": "party", "owner": "host",
        "deadline": { "passed": LATE, "after": "PT1H" },
        "steps": [{ "name": "end", "kind": "decision", "on": [RANG], "done": SAT_DOWN }] });
    let visit = json!({ "saga": "visit", "owner": "host", "steps": [welcome, let_in, sit_down] });
    let host = json!({ "contract": 1, "service": "host", "sagas": [visit, party],
        "events": [arrived, in_saga(WELCOMED), in_saga(RANG), in_saga(SAT_DOWN), in_saga(LATE)] });
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, contract) in [("guest", guest), ("host", host)] {
        let file = folder.join(format!("{name}.json"));
        std::fs::write(file, contract.to_string()).expect("written");
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Arrived {
    name: String,
}

impl Event for Arrived {
    const TYPE: EventType = EventType::plain(ARRIVED).also_from(&["street"]);
}

ballet_testkit::events! {
    Welcomed = plain "host.welcomed.v1" { name: String }
}

/// The host's bug: it forgets the guests' names, and does not welcome Bert.
struct Welcome;

impl Projection for Welcome {
    const NAME: &'static str = "welcome";
    type On = Arrived;

    async fn apply(&self, tx: &mut Tx<'_>, event: Arrived) -> Result<(), Failure> {
        if event.name == "Bert" {
            return Ok(());
        }
        tx.publish(&Welcomed { name: "you".to_owned() }).await
    }
}

fn id(saga: u8, number: u8) -> String {
    format!("0193f7a0-000{number}-7000-8000-00000000000{saga}")
}

/// Makes an event of a saga. The first has the saga's id, and causes the others.
fn of(saga: u8, number: u8, name: &str, by: &str, body: &Value) -> Publish {
    let mut headers = FieldTable::default();
    if number > 0 {
        headers.insert("causation_id".into(), AMQPValue::LongString(id(saga, 0).into()));
    }
    let properties = BasicProperties::default()
        .with_message_id(id(saga, number).into())
        .with_correlation_id(id(saga, 0).into())
        .with_headers(headers);
    let message = event(name, properties, body);
    Publish { properties: message.properties.clone().with_app_id(by.into()), ..message }
}

#[tokio::test]
async fn what_a_replay_cannot_repeat_is_left_out_and_said() {
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("house-{}", std::process::id()));
    let folder = place.join("house");
    contracts(&folder);
    let system = Contracts::read(&folder).expect("contracts").system().clone();
    let definitions = ballet::core::topology::definitions(&system, |_| String::new());
    let world = StreamWorld::with("scope", &definitions).await;
    let (anna, bert, nothing) = (json!({ "name": "Anna" }), json!({ "name": "Bert" }), json!({}));
    let welcomed = |saga, by, cause| of(saga, cause, WELCOMED, by, &anna);
    let events = vec![
        // A guest of our own: the answers of `guest` are not repeated.
        of(1, 0, ARRIVED, "guest", &anna),
        welcomed(1, "host", 1),
        of(1, 2, THANKED, "guest", &nothing),
        // A guest from the street.
        of(2, 0, ARRIVED, "street", &anna),
        welcomed(2, "host", 1),
        // Let in by a request.
        welcomed(3, "host", 0),
        // Welcomed only after the end of the recording.
        of(4, 0, ARRIVED, "street", &anna),
        of(5, 0, ARRIVED, "street", &anna),
        welcomed(5, "host", 1),
        of(5, 2, LATE, "host", &nothing),
        of(6, 0, ARRIVED, "street", &bert),
        of(6, 1, WELCOMED, "host", &bert),
    ];
    world.publish(events).await;
    let file = world.record("house.jsonl").await;

    let contracts = folder.display().to_string();
    let sent = ["replay", &file, "--from-outside", "--dry-run", "--contracts", &contracts];
    let CommandOutput { out, err: said, .. } = ended(world.command(&sent)).await.ends_with(0);
    assert!(out.starts_with("6 events would be sent"), "{out}");
    let warned = format!(
        "1 saga is sent, and cannot go on as it did: a request to host is part of it, and a \
             replay makes none: {}",
        id(3, 0)
    );
    assert!(said.contains(&warned) && !said.contains("left out"), "{said}");
    let all = ["replay", &file, "--pace", "max", "--new-ids", "--settle", "15s"];
    let all = [&all[..], &["--contracts", &contracts]].concat();
    // The host has a bug, so nothing is the same.
    let into = StreamWorld::with_databases("forgetful", &definitions, &["host"]).await;
    let host = Service::new(Participant::new("host").publishes::<Welcomed>().projects(Welcome));
    let settings = Settings::new(into.env.amqp_url("host"), into.env.database_url("host"));
    let host = host.start(settings).await.expect("started");
    let all = [&all[..], &["--expect", &file]].concat();
    let CommandOutput { out, err: said, .. } =
        ended(into.command_at(into.env.ops_amqp_url(), &all)).await.ends_with(3);
    for line in [
        format!(
            "1 saga left out, neither sent nor compared: a request to host is part of it, and a \
                 replay makes none: {}",
            id(3, 0)
        ),
        format!(
            "1 saga left out, neither sent nor compared: a deadline passed in it, and a replay \
                 does not wait for it: {}",
            id(5, 0)
        ),
        format!(
            "1 saga began with a request to guest: what guest answers in it is not compared: {}",
            id(1, 0)
        ),
        format!(
            "1 saga had not ended when the recording did, and is compared up to there: {}",
            id(4, 0)
        ),
        "4 events sent".to_owned(),
        "3 of 4 sagas differ".to_owned(),
        "2 sagas  ~ host.welcomed.v1 /name  (in welcome of host)".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}\n{said}");
    }
    let name = "~ host.welcomed.v1 /name: expected \"Anna\", got \"you\"  (in welcome of host";
    assert_eq!(out.matches(name).count(), 2, "{out}");
    assert!(out.contains("- host.welcomed.v1 is missing: {"), "{out}");
    assert!(!out.contains(&id(4, 0)), "{out}");
    host.stop().await;
    into.close().await;
    world.close().await;
    std::fs::remove_dir_all(&place).expect("removed");
}

//! Contracts as their files are written, read, and refused.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::events::event::{Event, Role};
use crate::parts::part::{
    CopyPart, DeadlinePart, ExceptionPart, Runs, SagaPart, SharePart, StepKind, StepPart,
};
use crate::parts::versions::Versions;

/// A guest wants a room.
#[derive(Serialize, Deserialize, JsonSchema)]
struct RoomWanted {
    /// The number of guests.
    guests: u32,
}

impl Event for RoomWanted {
    const TYPE: EventType = EventType::starts_saga("desk.room_wanted.v1").also_from(&["phone"]);
    const KEYS: &'static [Key] = &[Key::of("party", "guests").made_here()];
}

/// A guest does not come.
#[derive(Serialize, Deserialize, JsonSchema)]
struct GuestDeclined {
    guest: String,
}

impl Event for GuestDeclined {
    const TYPE: EventType = EventType::in_saga("door.guest_declined.v1");
    const KEYS: &'static [Key] = &[Key::of("guest", "guest")];
}

macro_rules! events {
    ($($event:ident $name:literal),+ $(,)?) => {
        $(#[derive(Serialize, Deserialize, JsonSchema)]
        struct $event {}

        impl Event for $event {
            const TYPE: EventType = EventType::in_saga($name);
        })+
    };
}

events! {
    RoomHeld "desk.room_held.v1",
    StayCancelled "desk.stay_cancelled.v1",
    WaitedTooLong "desk.waited_too_long.v1",
    Unrelated "desk.unrelated.v1",
}

fn part() -> Part {
    let hold = StepPart {
        name: "hold_room",
        kind: StepKind::Origin,
        on: vec![RoomWanted::TYPE],
        done: RoomHeld::TYPE,
        refused: Some(StayCancelled::TYPE),
        compensated: None,
        compensated_by: vec![GuestDeclined::TYPE],
        runs: Runs::CallsOutside,
        versions: Versions::ALL.since(2).until(3),
        retried_for: Some(SignedDuration::from_secs(5)),
    };
    let stay = SagaPart {
        saga: "stay",
        owner: "desk",
        abort: Some(StayCancelled::TYPE),
        aborts_on: vec![GuestDeclined::TYPE],
        deadline: Some(DeadlinePart {
            passed: WaitedTooLong::TYPE,
            after: SignedDuration::from_mins(5),
        }),
        begins: 2,
        steps: vec![hold],
    };
    let rooms = SharePart {
        entity: "room",
        view: "shared_room",
        republished: EventType::plain("desk.rooms_republished.v1"),
        requests: vec![EventType::plain("door.rooms_requested.v1")],
    };
    let doors = CopyPart {
        entity: "lock",
        owner: "door",
        fed_by: vec![EventType::plain("door.lock_changed.v1")],
        republished: EventType::plain("door.locks_republished.v1"),
        request: Some(EventType::plain("desk.locks_requested.v1")),
    };
    Part {
        service: "desk",
        sagas: vec![stay],
        subscriptions: vec![SubscriptionPart {
            name: "weather",
            on: EventType::plain("sky.rained.v1"),
        }],
        publishes: vec![EventType::plain("desk.opened.v1")],
        shares: vec![rooms],
        copies: vec![doors],
        exceptions: vec![ExceptionPart {
            rule: "B066",
            of: "stay",
            reason: "a guest who waits goes elsewhere",
        }],
        ..Part::default()
    }
}

fn schemas() -> Vec<EventSchema> {
    let plain = [
        "desk.rooms_republished.v1",
        "door.rooms_requested.v1",
        "door.lock_changed.v1",
        "door.locks_republished.v1",
        "desk.locks_requested.v1",
        "sky.rained.v1",
        "desk.opened.v1",
    ];
    let mut all = vec![
        EventSchema::of::<RoomWanted>(),
        EventSchema::of::<RoomHeld>(),
        EventSchema::of::<StayCancelled>(),
        EventSchema::of::<GuestDeclined>(),
        EventSchema::of::<WaitedTooLong>(),
        EventSchema::of::<RoomHeld>(),
        EventSchema::of::<Unrelated>(),
    ];
    all.extend(plain.map(|name| EventSchema::typed::<RoomHeld>(EventType::plain(name))));
    all
}

fn written() -> Value {
    serde_json::from_str(&ServiceContract::new(&part(), schemas()).text()).expect("JSON")
}

fn read(contract: &Value) -> Result<Part, ContractError> {
    serde_json::from_value::<ServiceContract>(contract.clone()).expect("a contract").part()
}

#[test]
fn what_is_written_is_read_again() {
    let read = read(&written()).expect("a part");
    assert_eq!(read, part());
    // Equal events have equal names; the rest of them has to come back, too.
    let wanted = read.sagas[0].steps[0].on[0];
    assert_eq!(wanted.role(), Role::StartsSaga);
    assert_eq!(wanted.foreign_producers(), ["phone"]);
    assert_eq!(read.publishes[0].role(), Role::Plain);
}

#[test]
fn what_cannot_be_used_is_named() {
    let wanted = || "desk.room_wanted.v1".to_owned();
    for (place, value, expected) in [
        ("/contract", json!(2), ContractError::Version(2)),
        (
            "/sagas/0/steps/0/on",
            json!(["desk.room_wnted.v1"]),
            ContractError::NoEvent("desk.room_wnted.v1".to_owned()),
        ),
        (
            "/events/0/name",
            json!("Desk.RoomWanted"),
            ContractError::Name("Desk.RoomWanted".to_owned()),
        ),
        ("/events/1/name", json!(wanted()), ContractError::Twice(wanted())),
        ("/events/0/schema", json!("RoomWanted"), ContractError::Schema(wanted())),
    ] {
        let mut other = written();
        *other.pointer_mut(place).expect("a place") = value;
        assert_eq!(read(&other), Err(expected), "{place}");
    }
    let mut other = written();
    other["sagas"][0]["steps"][0]["refuses"] = json!("desk.room_wanted.v1");
    let error = serde_json::from_value::<ServiceContract>(other).expect_err("an unknown field");
    assert!(error.to_string().contains("unknown field `refuses`"), "{error}");
}

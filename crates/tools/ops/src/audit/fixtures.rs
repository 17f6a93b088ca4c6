//! A made-up system and ledger rows for tests.

use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart, System};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use jiff::Timestamp;

const PLACED: EventType = EventType::in_saga("orders.placed.v1");
const CANCELLED: EventType = EventType::in_saga("orders.cancelled.v1");
pub(super) const RESERVED: EventType = EventType::in_saga("stock.reserved.v1");
const SHORT: EventType = EventType::in_saga("stock.short.v1");
const RELEASED: EventType = EventType::in_saga("stock.released.v1");
pub(super) const DELIVERED: EventType = EventType::in_saga("stock.delivered.v1");
pub(super) const LOST: EventType = EventType::in_saga("stock.lost.v1");
pub(super) const CONFIRMED: EventType = EventType::in_saga("orders.confirmed.v1");

pub(super) fn step(
    name: &'static str,
    kind: StepKind,
    on: &[EventType],
    done: EventType,
) -> StepPart {
    StepPart::new(name, kind, on.to_vec(), done)
}

/// Orders asks stock, and confirms when there is some. Stock has another saga, too.
pub(super) fn system() -> System {
    let saga = |aborts_on, steps| SagaPart {
        abort: Some(CANCELLED),
        aborts_on,
        ..SagaPart::new("order", "orders", steps)
    };
    let reserve = StepPart {
        refused: Some(SHORT),
        compensated: Some(RELEASED),
        ..step("reserve", StepKind::Compensatable, &[PLACED], RESERVED)
    };
    let orders = saga(
        vec![SHORT],
        vec![
            step("place", StepKind::Origin, &[], PLACED),
            step("confirm", StepKind::Decision, &[RESERVED], CONFIRMED),
        ],
    );
    let stock = saga(Vec::new(), vec![reserve]);
    let deliver = step("deliver", StepKind::Compensatable, &[], DELIVERED);
    let delivery =
        SagaPart { saga: "delivery", abort: Some(LOST), ..saga(Vec::new(), vec![deliver]) };
    let part = |service, sagas| Part { service, sagas, ..Part::default() };
    let parts = vec![part("orders", vec![orders]), part("stock", vec![stock, delivery])];
    System { name: "shop", parts }
}

/// A row is written `done place orders.placed.v1`, perhaps without an event, and a tombstone `aborted -`. The key, or
/// the tombstone's saga, comes last.
pub(super) fn rows(lines: &[&str]) -> Vec<RecordedRow> {
    let row = |(line, ordinal): (&&str, i32)| {
        let mut words = line.split(' ');
        let mut next = || words.next().map(str::to_owned);
        let entry = next().as_deref().and_then(Entry::parse).expect("an entry");
        let step = next().filter(|step| step != "-").unwrap_or_default();
        let (arrived, recorded_at) = (String::new(), Timestamp::UNIX_EPOCH);
        let (event_type, key) = (next(), next().unwrap_or_default());
        RecordedRow { step, key, entry, arrived, ordinal, event_type, recorded_at }
    };
    lines.iter().zip(0..).map(row).collect()
}

pub(super) const PLACE: &str = "done place orders.placed.v1";
pub(super) const RESERVE: &str = "done reserve stock.reserved.v1";
pub(super) const ABORT: &str = "aborted - orders.cancelled.v1";

//! The picture of a small saga.

use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart, System};

use super::*;
use crate::pages::lanes::route::{BOX, LANE, height};

const ASKED: EventType = EventType::starts_saga("cart.checked_out.v1");
const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const HELD: EventType = EventType::in_saga("stock.stock_held.v1");
const PAID: EventType = EventType::in_saga("orders.order_paid.v1");

fn step(name: &'static str, kind: StepKind, on: &[EventType], done: EventType) -> StepPart {
    StepPart::new(name, kind, on.to_vec(), done)
}

fn graph() -> Graph {
    let saga = |steps| SagaPart {
        abort: Some(EventType::in_saga("orders.order_cancelled.v1")),
        ..SagaPart::new("order", "orders", steps)
    };
    let orders = vec![
        step("place", StepKind::Origin, &[ASKED], PLACED),
        step("confirm_what_was_placed", StepKind::Decision, &[PLACED, HELD], PAID),
    ];
    let stock = vec![step("hold", StepKind::Pivot, &[PLACED], HELD)];
    let part = |service, steps| Part { service, sagas: vec![saga(steps)], ..Part::default() };
    Graph::new(System { name: "shop", parts: vec![part("orders", orders), part("stock", stock)] })
}

#[test]
fn lines_cross_no_box() {
    let plan = plan::plan(&graph(), "order", 0);
    let routed = route::route(&plan);
    assert_eq!(routed.lines.len(), 4);
    for line in &routed.lines {
        for ends in line.corners.windows(2) {
            let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
            assert!(ax == bx || ay == by, "{ends:?} is askew");
            for one in &plan.boxes {
                let (left, top) = (one.lane * LANE + (LANE - BOX) / 2, routed.tops[one.row]);
                let (right, low) = (left + BOX, top + height(one.lines.len()));
                let apart = ax.max(bx) <= left
                    || ax.min(bx) >= right
                    || ay.max(by) <= top
                    || ay.min(by) >= low;
                assert!(apart, "{ends:?} crosses {one:?}");
            }
        }
    }
}

#[test]
fn marks_are_below_what_each_step_says_and_lead_to_what_they_count() {
    let marks = |service: &str, step: &str| Marks {
        link: format!("/sagas?service={service}&step={step}"),
        rate: "12/min".to_owned(),
        marks: vec![Mark { class: "stuck", count: 3_999, says: "stuck" }],
    };
    let picture = marked(&graph(), "order", &marks);
    assert!(!picture.contains("<style>"));
    assert!(picture.contains("<a href=\"/sagas?service=stock&amp;step=hold\">"));
    assert_eq!(picture.matches("<title>3999 stuck</title><rect").count(), 3);
    assert_eq!(picture.matches(">4k</text>").count(), 3);
    assert_eq!(picture.matches("12/min").count(), 3);
}

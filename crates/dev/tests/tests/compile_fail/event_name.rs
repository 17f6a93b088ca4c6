//! An event whose name has no version.
include!("prelude.inc");

event!(Unversioned, "orders.order_placed");

const _: EventType = Unversioned::TYPE;

fn main() {}

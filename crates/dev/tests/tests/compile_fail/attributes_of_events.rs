//! Mistakes in the attributes of events, telemetry, entities and sagas.
include!("attributes.inc");

#[event(in_saga)]
struct WithoutName {}

#[event("orders.Changed", in_saga)]
struct WrongName {}

#[telemetry("position", key = vehicle)]
struct WrongNameToo {
    vehicle: String,
}

#[event("orders.changed.v1", in_sagas)]
struct UnknownWord {}

#[event("orders.changed.v1", in_saga, starts_saga)]
struct TwoParts {}

#[event("orders.changed.v1", keys(order = id))]
struct NoSuchField {
    order_id: String,
}

#[event("orders.changed.v1", keys(order = 7))]
struct NoField {
    order_id: String,
}

#[event("orders.changed.v1", also_from = "website")]
struct NotAList {}

#[event("orders.changed.v1")]
struct OfTypes<T> {
    order_id: T,
}

#[event("orders.changed.v1")]
fn changed() {}

#[event("catalog.changed.v1", carries = product)]
struct CarriesNothing {}

#[event("catalog.removed.v1", removes(Product, id = sku))]
struct RemovesHalf {
    sku: String,
}

#[telemetry("location.position.v1", partitions = 2)]
struct WithoutKey {
    vehicle: String,
}

#[entity("product", id = sku)]
struct HalfAnEntity {
    sku: String,
}

#[saga("return", abort = Cancelled)]
struct WithoutOwner;

#[value(without)]
struct WithoutUnknown {}

#[telemetry("location.speed.v1", key = vehicle, partitions = 2, partitions = 4)]
struct LimitTwice {
    vehicle: String,
}

#[event("orders.changed.v1", keys(Key::of("order", "order_id")))]
struct KeyWithoutName {
    order_id: String,
}

fn main() {}

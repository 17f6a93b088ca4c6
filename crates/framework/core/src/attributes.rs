//! The attributes that declare what is sent, as `ballet-macros` expands them.

/// Makes a struct or an enum an [`Event`](crate::Event): its name on the wire, and its part in a saga.
///
/// ```
/// use ballet_core::event;
///
/// /// The carrier will collect the order's parcel.
/// #[event("shipping.shipment_scheduled.v1", in_saga, keys(order = order_id, shipment = shipment_id.made_here()))]
/// struct ShipmentScheduled {
///     order_id: String,
///     shipment_id: String,
/// }
/// # use ballet_core::Event as _;
/// # assert_eq!(ShipmentScheduled::KEYS[1].field(), "shipment_id");
/// ```
///
/// | word | meaning |
/// |---|---|
/// | `in_saga`, `starts_saga` | the event belongs to a running saga, or may begin one; without a word it is plain |
/// | `also_from("storefront")` | foreign producers that may publish it |
/// | `packs` | those of one commit leave as one message under load; see [`EventType::packs`](crate::EventType::packs) |
/// | `keys(...)` | each is `name = field` or `name = "lines[].sku"`, and ends with `.made_here()` if the service makes the id with this event; see [`Key`](crate::Key) |
/// | `carries = field` | the field is an entity's state: the event is an [`EntityEvent`](crate::EntityEvent) |
/// | `removes(Product, id = sku, version = version)` | the entity was removed |
///
/// The item derives `Debug`, `Clone`, `PartialEq`, `Serialize`, `Deserialize` and `JsonSchema`, but for those that a
/// `#[derive(...)]` below the attribute names. The crate needs neither `serde` nor `schemars` for that.
pub use ballet_macros::core_event as event;

/// Makes a struct [`Telemetry`](crate::Telemetry), with its key, and the derives of [`event`](macro@event).
///
/// ```
/// use ballet_core::telemetry;
///
/// /// A vehicle's position.
/// #[telemetry("location.position.v1", key = vehicle, partitions = 4, kept_days = 1)]
/// struct Position {
///     vehicle: String,
///     metres: u32,
/// }
/// # use ballet_core::Telemetry as _;
/// # assert_eq!(Position::TYPE.partition_count(), 4);
/// ```
///
/// `key` is a field, or a field of it, that is text or an id. `kept_bytes` is as in
/// [`TelemetryType::kept_bytes`](crate::TelemetryType::kept_bytes).
pub use ballet_macros::core_telemetry as telemetry;

/// Makes a struct an [`Entity`](crate::Entity), with the derives of [`event`](macro@event).
///
/// ```
/// use ballet_core::{entity, event};
///
/// /// A product.
/// #[entity(
///     "product",
///     republished = "catalog.products_republished.v1",
///     requests("cart.products_requested.v1"),
///     id = sku,
///     version = version
/// )]
/// struct Product {
///     sku: String,
///     version: i64,
///     price_minor: i64,
/// }
///
/// /// The price of a product was changed.
/// #[event("catalog.product_price_changed.v1", carries = 0)]
/// #[serde(transparent)]
/// struct ProductPriceChanged(Product);
///
/// /// A product can no longer be bought.
/// #[event("catalog.product_withdrawn.v1", removes(Product, id = sku, version = version))]
/// struct ProductWithdrawn {
///     sku: String,
///     version: i64,
/// }
/// # use ballet_core::EntityEvent as _;
/// # let product = Product { sku: "mug".to_owned(), version: 2, price_minor: 100 };
/// # assert_eq!(ProductPriceChanged(product).into_version().id, "mug");
/// ```
///
/// `id` and `version` name the fields of an entity that has them itself. An event carries such an entity as it is, and
/// any other one as [`Versioned`](crate::Versioned).
pub use ballet_macros::core_entity as entity;

/// Makes a unit struct a [`Saga`](crate::Saga). Without `abort` it is never aborted.
///
/// ```
/// # use ballet_core::event;
/// # #[event("orders.order_cancelled.v1", in_saga)] struct OrderCancelled {}
/// use ballet_core::saga;
///
/// /// From the order to the door.
/// #[saga("order_fulfillment", owner = "orders", abort = OrderCancelled)]
/// struct OrderFulfillment;
/// # use ballet_core::Saga as _;
/// # assert_eq!(OrderFulfillment::OWNER, "orders");
/// ```
pub use ballet_macros::core_saga as saga;

/// Gives a type that stands in events the derives of [`event`](macro@event).
///
/// ```
/// use ballet_core::value;
///
/// /// Why an order was cancelled.
/// #[value]
/// #[derive(Copy, Eq)]
/// #[serde(rename_all = "snake_case")]
/// enum CancelReason {
///     OutOfStock,
///     PaymentDeclined,
/// }
/// ```
pub use ballet_macros::core_value as value;

//! The attributes, as `ballet-macros` expands them.

/// Makes a struct or an enum an [`Event`](crate::Event). See [`core::event`](macro@crate::core::event).
pub use ballet_macros::event;

/// Makes a struct [`Telemetry`](crate::Telemetry). See [`core::telemetry`](macro@crate::core::telemetry).
pub use ballet_macros::telemetry;

/// Makes a struct an [`Entity`](crate::Entity). See [`core::entity`](macro@crate::core::entity).
pub use ballet_macros::entity;

/// Makes a unit struct a [`Saga`](crate::Saga). See [`core::saga`](macro@crate::core::saga).
pub use ballet_macros::saga;

/// Gives a type that stands in events their derives. See [`core::value`](macro@crate::core::value).
pub use ballet_macros::value;

/// Makes the methods of an `impl` the steps of a service.
///
/// ```
/// use ballet::{Does, Tx, Undoes, compensated, done, event};
/// # use ballet::saga;
/// # #[event("orders.order_placed.v1", in_saga)] struct OrderPlaced { points: i64 }
/// # #[event("orders.order_cancelled.v1", in_saga)] struct OrderCancelled {}
/// # #[saga("order_fulfillment", owner = "orders", abort = OrderCancelled)] struct OrderFulfillment;
///
/// #[event("loyalty.points_granted.v1", in_saga)]
/// struct PointsGranted {
///     points: i64,
/// }
///
/// #[event("loyalty.points_taken_back.v1", in_saga)]
/// struct PointsTakenBack {
///     points: i64,
/// }
///
/// #[ballet::service("loyalty")]
/// impl Loyalty {
///     /// Grants the points of an order.
///     #[compensatable(saga = OrderFulfillment, undo = take_back)]
///     async fn grant_points(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<PointsGranted> {
///         add(tx, order.points).await?;
///         done(PointsGranted { points: order.points })
///     }
///
///     async fn take_back(tx: &mut Tx<'_>, granted: PointsGranted) -> Undoes<PointsTakenBack> {
///         add(tx, -granted.points).await?;
///         compensated(PointsTakenBack { points: granted.points })
///     }
/// }
///
/// async fn add(tx: &mut Tx<'_>, points: i64) -> Result<(), sqlx::Error> {
///     sqlx::query("update account set points = points + $1").bind(points).execute(tx.db()).await?;
///     Ok(())
/// }
/// # assert_eq!(Loyalty::participant().part().sagas[0].steps[0].name, "grant_points");
/// # drop(Loyalty::service());
/// ```
///
/// It writes `impl Step for GrantPoints`, and so on, which call the methods; and
/// `Loyalty::participant()` and `Loyalty::service()`. A method's signature says what triggers its
/// step, one event or a join of several, and what may come of it. The service's name is that of its
/// queue and its database.
///
/// | word of the service | meaning |
/// |---|---|
/// | `saga = S` | the saga of the steps that name none |
/// | `migrations = "migrations"` | the folder with its tables, beside `Cargo.toml`, one file each, as `0001_account.sql`; with others: `migrations("migrations", "0002_log" = SQL)`; or a list, `migrations = TABLES` |
/// | `routes = \|handle\| ...` | its HTTP routes, see [`Service::routes`](crate::Service::routes) |
/// | `publishes(E, F)` | events that are the outcome of no step, see [`Participant::publishes`](crate::Participant::publishes) |
/// | `copies(Product, fed_by(E, F))`, `shares(Product = "view")` | see [`Participant::copies`](crate::Participant::copies), [`Participant::shares`](crate::Participant::shares) |
/// | `publishes_telemetry(T)` | see [`Participant::publishes_telemetry`](crate::Participant::publishes_telemetry) |
/// | `excepts(B066("order_fulfillment") = "reason")` | what `ballet check` accepts here, see [`Participant::excepts`](crate::Participant::excepts) |
///
/// | attribute of a method | the method |
/// |---|---|
/// | `#[compensatable(undo = m)]`, `#[pivot(undo = m)]`, `#[retriable]` | `async fn(tx: &mut Tx<'_>, event: E) -> Does<D, R>`: a step; `m` is the method that undoes it |
/// | `#[repeating(undo = m, key = f, undone_by = g)]` | a step that repeats in a saga, see [`SagaSteps::repeating`](crate::SagaSteps::repeating) |
/// | `#[owns(S, originates(name = E), aborts_on(f, g), deadline("15m", passed, abort))]` | `async fn(tx: &mut Tx<'_>, event: &Abort) -> Result<(), Failure>`: writes the abort to the rows of the owner, see [`Owner`](crate::Owner), [`OwnerSteps`](crate::OwnerSteps) |
/// | `#[starts]`, `#[decides]` | steps of the owner |
/// | `#[watches(look = m)]` | `async fn(tx: &mut Tx<'_>, event: E) -> Result<(), Failure>`: begins what `m` looks at, see [`Watch`](crate::Watch) |
/// | `#[projects]` | `async fn(tx: &mut Tx<'_>, event: E) -> Result<(), Failure>`, see [`Projection`](crate::Projection) |
/// | `#[reads_telemetry(reset = m)]` | `async fn(tx: &mut Tx<'_>, batch: &[Reading<T>]) -> Result<(), Failure>`, see [`TelemetryReader`](crate::TelemetryReader) |
///
/// A step also takes `saga = S`, `touches = f`, `undo_touches = f`, `key = f`, `retry = RETRY`, `since = 2`,
/// `until = 1`; see [`Step`](crate::Step) and [`SagaSteps`](crate::SagaSteps). One that takes its messages together is
/// `async fn(tx: &mut BulkTx<'_>, events: Vec<Item<E>>) -> DoesAll<D, R>`, see [`bulk`](crate::bulk).
///
/// A service with a value takes `&self` in its methods. Its type is then declared by hand, and `participant` and
/// `service` take `self`.
///
/// A step that is a type with its traits, as one that [calls another system](crate::calls), stands
/// in the same place, as a method that takes nothing but `&self`, and returns it.
///
/// ```ignore
/// #[pivot(saga = OrderFulfillment)]
/// fn capture_payment(&self) -> CapturePayment {
///     CapturePayment(Arc::clone(&self.provider))
/// }
/// ```
pub use ballet_macros::service;

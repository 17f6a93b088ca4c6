//! Loyalty: customers get points for every order, and lose them when the order is cancelled.

use ballet::{
    Compensate, CompensateResult, Event, EventType, Key, Migration, Never, Participant, Service,
    Step, StepResult, Tx, compensated, done,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::orders::OrderPlaced;
use shop_events::{CustomerId, OrderFulfillment};

/// A customer got points.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PointsGranted {
    /// The customer.
    pub customer_id: CustomerId,
    /// The points: one for each whole hundred minor units of the order's total.
    pub points: i64,
}

impl Event for PointsGranted {
    const TYPE: EventType = EventType::in_saga("loyalty.points_granted.v1");
    const KEYS: &'static [Key] = &[Key::of("customer", "customer_id")];
}

/// A customer lost the points of a cancelled order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PointsTakenBack {
    /// The customer.
    pub customer_id: CustomerId,
    /// The points.
    pub points: i64,
}

impl Event for PointsTakenBack {
    const TYPE: EventType = EventType::in_saga("loyalty.points_taken_back.v1");
    const KEYS: &'static [Key] = &[Key::of("customer", "customer_id")];
}

/// Grants the points of an order. It never refuses.
#[derive(Debug)]
pub struct GrantPoints;

impl Step for GrantPoints {
    const NAME: &'static str = "grant_points";
    type On = OrderPlaced;
    type Done = PointsGranted;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
        let points = order.total.amount_minor / 100;
        add(tx, order.customer_id, points).await?;
        done(PointsGranted { customer_id: order.customer_id, points })
    }
}

impl Compensate for GrantPoints {
    type Compensated = PointsTakenBack;

    async fn compensate(&self, tx: &mut Tx<'_>, granted: PointsGranted) -> CompensateResult<Self> {
        let PointsGranted { customer_id, points } = granted;
        add(tx, customer_id, -points).await?;
        compensated(PointsTakenBack { customer_id, points })
    }
}

async fn add(tx: &mut Tx<'_>, customer: CustomerId, points: i64) -> Result<(), sqlx::Error> {
    let statement = "insert into account (customer_id, points) values ($1, $2) \
                     on conflict (customer_id) do update set points = account.points + $2";
    sqlx::query(statement).bind(customer.0).bind(points).execute(tx.db()).await?;
    Ok(())
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_account",
    sql: "create table account (customer_id uuid primary key, points bigint not null)",
}];

/// Everything that loyalty does in a saga.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("loyalty").saga::<OrderFulfillment>(|saga| saga.compensatable(GrantPoints))
}

/// The service: its participant and its tables.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(TABLES)
}

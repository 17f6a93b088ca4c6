//! Loyalty: customers get points for every order, and lose them when the order is cancelled.

use ballet::{Does, Tx, Undoes, compensated, done, event};
use shop_events::orders::OrderPlaced;
use shop_events::{CustomerId, OrderFulfillment};

/// A customer got points.
#[event("loyalty.points_granted.v1", in_saga, keys(customer = customer_id))]
struct PointsGranted {
    /// The customer.
    customer_id: CustomerId,
    /// The points: one for each whole hundred minor units of the order's total.
    points: i64,
}

/// A customer lost the points of a cancelled order.
#[event("loyalty.points_taken_back.v1", in_saga, keys(customer = customer_id))]
struct PointsTakenBack {
    /// The customer.
    customer_id: CustomerId,
    /// The points.
    points: i64,
}

#[ballet::service("loyalty", saga = OrderFulfillment, migrations = "migrations")]
impl Loyalty {
    /// Grants the points of an order. It never refuses.
    #[compensatable(undo = take_back)]
    async fn grant_points(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<PointsGranted> {
        let (customer_id, points) = (order.customer_id, order.total.amount_minor / 100);
        add(tx, customer_id, points).await?;
        done(PointsGranted { customer_id, points })
    }

    async fn take_back(tx: &mut Tx<'_>, granted: PointsGranted) -> Undoes<PointsTakenBack> {
        let PointsGranted { customer_id, points } = granted;
        add(tx, customer_id, -points).await?;
        compensated(PointsTakenBack { customer_id, points })
    }
}

async fn add(tx: &mut Tx<'_>, customer: CustomerId, points: i64) -> Result<(), sqlx::Error> {
    let statement = "insert into account (customer_id, points) values ($1, $2) \
                     on conflict (customer_id) do update set points = account.points + $2";
    sqlx::query(statement).bind(customer).bind(points).execute(tx.db()).await?;
    Ok(())
}

ballet::main!(Loyalty);

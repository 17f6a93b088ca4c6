//! Handle many messages at once: the club grants points for all orders that are ready, with one statement.
//!
//! Such a step is declared like any other, and one can replace the other. It gets the messages of a batch, each of
//! another saga. If one of them fails, the others are tried without it.

use ballet::bulk::{BulkTx, DoesAll, Item};
use ballet::{Failure, Migration, Rows, Service, event};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ticket_order::{OrderConfirmed, TicketOrder};

const POINTS_A_SEAT: i64 = 10;

#[event("club.points_granted.v1", in_saga, keys(order = order_id))]
pub struct PointsGranted {
    pub order_id: Uuid,
    pub points: i64,
}

#[ballet::service("club", saga = TicketOrder, migrations = TABLES)]
impl Club {
    #[retriable(touches = members)]
    async fn grant_points(
        tx: &mut BulkTx<'_>,
        orders: Vec<Item<OrderConfirmed>>,
    ) -> DoesAll<PointsGranted> {
        let granted: Vec<PointsGranted> = orders
            .iter()
            .map(|order| PointsGranted {
                order_id: order.order_id,
                points: i64::from(order.seats) * POINTS_A_SEAT,
            })
            .collect();
        // Summed up first: one statement cannot change a guest's row twice.
        let grant = "insert into member (guest, points)
                     select guest, sum(points) from unnest($1::text[], $2::bigint[]) as granted (guest, points)
                     group by guest
                     on conflict (guest) do update set points = member.points + excluded.points";
        sqlx::query(grant)
            .bind(orders.iter().map(|order| order.guest.as_str()).collect::<Vec<_>>())
            .bind(granted.iter().map(|granted| granted.points).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        // One outcome for each order, in their order.
        Ok(granted.into_iter().map(Ok).collect())
    }

    /// Two replicas may grant points to the same guests. Named rows are locked in one order, before any handler runs,
    /// so the replicas do not deadlock.
    async fn members(
        _: &mut PgConnection,
        orders: &[Item<&OrderConfirmed>],
    ) -> Result<Rows, Failure> {
        Ok(Rows::of("member", orders.iter().map(|order| &order.guest)))
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_member",
    sql: "create table member (guest text primary key, points bigint not null)",
}];

#[must_use]
pub fn service() -> Service {
    Club::service()
}

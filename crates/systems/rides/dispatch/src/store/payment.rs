//! The payments of rides.

use ballet::{Failure, TextEnum};
use common::cards::{Authorize, Capture, Settle};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::{Money, RideId};
use sqlx::{PgConnection, PgExecutor};

use crate::payment::{Payment, PaymentState};

/// What was captured, and what could not be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settlement {
    pub(crate) paid: Money,
    pub(crate) owed: Money,
}

/// Stores the payment only after the processor holds the money, because a refusal leaves no rows.
pub(crate) async fn insert(
    db: &mut PgConnection,
    request: &Authorize,
    reference: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into payment
             (ride_id, state, amount_minor, currency, reference, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(request.order_id)
    .bind(TextEnum(PaymentState::Held))
    .bind(request.amount.amount_minor)
    .bind(request.amount.currency.as_str())
    .bind(reference)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    ride_id: RideId,
) -> Result<Option<Payment>, Failure> {
    let payment = sqlx::query_as("select * from payment where ride_id = $1");
    Ok(payment.bind(ride_id.0).fetch_optional(db).await?)
}

/// Any other state is a permanent failure.
pub(crate) async fn find_held(
    db: impl PgExecutor<'_>,
    ride_id: RideId,
) -> Result<Payment, Failure> {
    let held = find(db, ride_id).await?.filter(|payment| payment.state == PaymentState::Held);
    held.ok_or_else(|| Failure::permanent(format!("nothing is held for ride {ride_id}")))
}

pub(crate) async fn settle(
    db: &mut PgConnection,
    request: &Settle,
    answer: &Capture,
    now: Timestamp,
) -> Result<Settlement, Failure> {
    let all = request.amount;
    let nothing = Money { amount_minor: 0, ..all };
    let (state, paid, owed, reason) = match answer {
        Capture::Captured => (PaymentState::Paid, all, nothing, None),
        Capture::Failed { reason } => (PaymentState::Owed, nothing, all, Some(reason.as_str())),
    };
    let settled = Settlement { paid, owed };
    end(db, RideId(request.order_id), state, settled, reason, now).await?;
    Ok(settled)
}

pub(crate) async fn release(
    db: &mut PgConnection,
    request: &Settle,
    now: Timestamp,
) -> Result<Settlement, Failure> {
    let nothing = Money { amount_minor: 0, ..request.amount };
    let settled = Settlement { paid: nothing, owed: nothing };
    end(db, RideId(request.order_id), PaymentState::Released, settled, None, now).await?;
    Ok(settled)
}

/// The payment is held, since a ride is settled once.
async fn end(
    db: &mut PgConnection,
    ride_id: RideId,
    state: PaymentState,
    Settlement { paid, owed }: Settlement,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update payment set state = $2, paid_minor = $3, owed_minor = $4, reason = $5, changed_at = $6
         where ride_id = $1",
    )
    .bind(ride_id.0)
    .bind(TextEnum(state))
    .bind(paid.amount_minor)
    .bind(owed.amount_minor)
    .bind(reason)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

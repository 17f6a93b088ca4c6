//! A step's business: an insert, and an update of a shared row.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::saga4::contract::Order;

/// The business tables of each service.
pub const TABLES: &str = "\
create table account (
    account_id int primary key,
    balance bigint not null default 0,
    moves bigint not null default 0
);
insert into account (account_id) select generate_series(1, 1000);
-- No constraint keeps a step from taking effect twice: the oracle must find it.
create table entry (
    entry_id bigint generated always as identity primary key,
    saga_id uuid not null,
    step text not null,
    account_id int not null,
    amount bigint not null
);";

/// One change.
#[derive(Debug, Clone)]
pub struct Move {
    /// The saga.
    pub saga_id: Uuid,
    /// The step.
    pub step: &'static str,
    /// The shared row.
    pub account: i32,
    /// The change of the balance.
    pub amount: i64,
}

impl Move {
    /// A step's change for an order, or with -1 its reversal.
    #[must_use]
    pub fn of(saga_id: Uuid, step: &'static str, order: &Order, sign: i64) -> Self {
        Self { saga_id, step, account: order.account, amount: sign * order.amount }
    }
}

/// Makes one change with two statements.
///
/// # Errors
///
/// If a statement fails.
pub async fn apply(db: &mut PgConnection, change: &Move) -> Result<(), sqlx::Error> {
    sqlx::query("insert into entry (saga_id, step, account_id, amount) values ($1, $2, $3, $4)")
        .bind(change.saga_id)
        .bind(change.step)
        .bind(change.account)
        .bind(change.amount)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "update account set balance = balance + $2, moves = moves + 1 where account_id = $1",
    )
    .bind(change.account)
    .bind(change.amount)
    .execute(db)
    .await?;
    Ok(())
}

/// Makes many changes with two statements, the second with one net change per row. Callers that run side by side must
/// lock the rows beforehand, in the same order.
///
/// # Errors
///
/// If a statement fails.
pub async fn apply_all(db: &mut PgConnection, changes: &[Move]) -> Result<(), sqlx::Error> {
    match changes {
        [] => return Ok(()),
        // For one change, arrays cost more to plan and unnest.
        [change] => return apply(db, change).await,
        _ => {}
    }
    let sagas: Vec<Uuid> = changes.iter().map(|change| change.saga_id).collect();
    let steps: Vec<&str> = changes.iter().map(|change| change.step).collect();
    let accounts: Vec<i32> = changes.iter().map(|change| change.account).collect();
    let amounts: Vec<i64> = changes.iter().map(|change| change.amount).collect();
    sqlx::query(
        "insert into entry (saga_id, step, account_id, amount) \
         select * from unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[])",
    )
    .bind(&sagas)
    .bind(&steps)
    .bind(&accounts)
    .bind(&amounts)
    .execute(&mut *db)
    .await?;
    let mut net: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for change in changes {
        let (amount, moves) = net.entry(change.account).or_default();
        *amount += change.amount;
        *moves += 1;
    }
    let (accounts, sums): (Vec<i32>, Vec<(i64, i64)>) = net.into_iter().unzip();
    let (amounts, moves): (Vec<i64>, Vec<i64>) = sums.into_iter().unzip();
    sqlx::query(
        "update account a set balance = balance + net.amount, moves = a.moves + net.moves \
         from unnest($1::int[], $2::bigint[], $3::bigint[]) as net (account_id, amount, moves) \
         where a.account_id = net.account_id",
    )
    .bind(accounts)
    .bind(amounts)
    .bind(moves)
    .execute(db)
    .await?;
    Ok(())
}

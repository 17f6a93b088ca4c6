//! Holds back the aborts of a restored service until it has heard what it missed.
//!
//! An abort that waited in its queue would come first. The steps before it would then not be taken again,
//! and what they did at another company would stay as it is, unknown to the service.

use std::collections::BTreeSet;

use ballet_core::Part;
use jiff::SignedDuration;
use sqlx::PgConnection;

/// Makes the service put off aborts, for as long as `longest` unless [`end_hold`] comes first.
///
/// # Errors
///
/// If the database does not answer.
pub async fn hold_aborts(
    db: &mut PgConnection,
    longest: SignedDuration,
) -> Result<(), sqlx::Error> {
    let hold = "insert into ballet.restored (restored_at, hold_until) \
                values (ballet.now(), ballet.now() + $1 * interval '1 second') \
                on conflict (only_one) do update set restored_at = excluded.restored_at, \
                    hold_until = excluded.hold_until";
    sqlx::query(hold).bind(longest.as_secs_f64()).execute(db).await.map(drop)
}

/// Lets the service take aborts in.
///
/// # Errors
///
/// If the database does not answer.
pub async fn end_hold(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let end = "update ballet.restored set hold_until = ballet.now()";
    sqlx::query(end).execute(db).await.map(drop)
}

/// The events that the service puts off meanwhile. The owner of a saga hears of no abort.
#[must_use]
pub fn held_back(part: &Part) -> BTreeSet<&'static str> {
    let aborts = part.sagas.iter().filter_map(|saga| saga.abort);
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let undoes = steps.flat_map(|step| step.compensated_by.iter().copied());
    let heard: BTreeSet<&str> = part.consumes().iter().map(|event| event.name()).collect();
    let aborts = aborts.chain(undoes).map(|event| event.name());
    aborts.filter(|name| heard.contains(name)).collect()
}

//! Deadlines: each ends with its saga, and is told when it has passed.

use ballet_core::{Part, StepKind};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Report;

/// How much of a list is read: a report with more than that is read by nobody.
const MOST: i64 = 1_000;

/// Judges the deadlines of one service.
pub(super) async fn judge(
    db: &mut PgConnection,
    part: Option<&Part>,
    rest: SignedDuration,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let sagas = part.map_or(&[][..], |part| &part.sagas);
    let steps = sagas.iter().flat_map(|saga| &saga.steps);
    let decisions = steps.filter(|step| step.kind == StepKind::Decision).map(|step| step.name);
    let service = part.map_or("a service that is not declared", |part| part.service);
    for (saga, due_at, what) in of_the_ended(db, &decisions.collect::<Vec<_>>()).await? {
        report.violations.push(format!(
            "saga {saga}: {service} has {what}, and still waits for it until {due_at}"
        ));
    }
    let declared: Vec<&str> =
        sagas.iter().filter(|saga| saga.deadline.is_some()).map(|saga| saga.saga).collect();
    for (saga, known, count, since) in passed(db, &declared, rest).await? {
        let many = if count == 1 { "1 deadline".to_owned() } else { format!("{count} deadlines") };
        if known {
            report.open.push(format!(
                "{service} has {many} of {saga} that passed and nobody was told of, the first at \
                 {since}: is it running?"
            ));
        } else {
            report.stuck.push(format!(
                "{service} has {many} of {saga}, the first at {since}, and this version declares \
                 none for it: nobody will be told"
            ));
        }
    }
    Ok(())
}

/// The deadlines of sagas that are decided or aborted, with the row that says so. One statement:
/// what ends a saga ends its deadline in the same transaction.
async fn of_the_ended(
    db: &mut PgConnection,
    decisions: &[&str],
) -> Result<Vec<(Uuid, Timestamp, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp, String)> = sqlx::query_as(
        "select saga_id, due_at, case entry when 'aborted' then 'aborted it' \
             else 'decided it with ' || step end \
         from ballet.deadline join ( \
             select saga_id, step, entry from ballet.ledger union all \
             select saga_id, step, entry from ballet.ledger_other) as row using (saga_id) \
         where (entry = 'aborted' and step = '') or (entry = 'done' and step = any($1)) \
         order by due_at limit $2",
    )
    .bind(decisions)
    .bind(MOST)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, due_at, what)| (saga, due_at.to_jiff(), what)).collect())
}

/// The deadlines that are over for longer than `rest`, by saga: whether the saga is declared with
/// one, how many there are, and when the first was.
async fn passed(
    db: &mut PgConnection,
    declared: &[&str],
    rest: SignedDuration,
) -> Result<Vec<(String, bool, i64, Timestamp)>, sqlx::Error> {
    let rows: Vec<(String, bool, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select saga, saga = any($1), count(*), min(due_at) from ballet.deadline \
         where due_at < now() - $2 * interval '1 millisecond' group by saga order by saga",
    )
    .bind(declared)
    .bind(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, known, n, since)| (saga, known, n, since.to_jiff())).collect())
}

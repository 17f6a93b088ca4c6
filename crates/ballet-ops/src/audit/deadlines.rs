//! Judges deadlines: each ends with its saga, and is published when it has passed.

use ballet_core::{Part, StepKind};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::report::Report;

/// The most rows of a list that are read. Nobody reads a longer report.
const MOST: i64 = 1_000;

/// Judges the deadlines of one service.
pub(crate) async fn judge(
    db: &mut PgConnection,
    part: Option<&Part>,
    quiescent_after: SignedDuration,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let sagas = part.map_or(&[][..], |part| &part.sagas);
    let steps = sagas.iter().flat_map(|saga| saga.steps.iter().map(move |step| (saga, step)));
    let decisions = steps.filter(|(_, step)| step.kind == StepKind::Decision);
    let decisions: Vec<_> = decisions.map(|(saga, step)| (step.name, saga.saga)).collect();
    let service = part.map_or("a service that is not declared", |part| part.service);
    for (saga, due_at, what) in of_ended_sagas(db, &decisions).await? {
        report.violations.push(format!(
            "saga {saga}: {service} has {what}, but the deadline at {due_at} is still set"
        ));
    }
    let declared: Vec<&str> =
        sagas.iter().filter(|saga| saga.deadline.is_some()).map(|saga| saga.saga).collect();
    for (saga, known, count, since) in passed(db, &declared, quiescent_after).await? {
        let many = if count == 1 { "1 deadline".to_owned() } else { format!("{count} deadlines") };
        if known {
            report.open.push(format!(
                "{service} has not published {many} of {saga} that passed, the first at {since}: \
                 check that it is running"
            ));
        } else {
            report.stuck.push(format!(
                "{service} has {many} of {saga}, the first at {since}, but this version declares \
                 none for it: they will never be published"
            ));
        }
    }
    Ok(())
}

/// The deadlines of sagas that are decided or aborted, with what ended the saga. `decisions` are steps,
/// each with its saga. It is one statement, because a saga and its deadline end in the same transaction.
async fn of_ended_sagas(
    db: &mut PgConnection,
    decisions: &[(&str, &str)],
) -> Result<Vec<(Uuid, Timestamp, String)>, sqlx::Error> {
    let (steps, sagas): (Vec<&str>, Vec<&str>) = decisions.iter().copied().unzip();
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp, String)> = sqlx::query_as(
        "select saga_id, due_at, case entry when 'aborted' then 'aborted it' \
             else 'decided it with ' || step end \
         from ballet.deadline join ( \
             select saga_id, step, key, entry from ballet.ledger union all \
             select saga_id, step, key, entry from ballet.ledger_other) as row using (saga_id) \
         where (entry = 'aborted' and step = '' and key in ('', saga)) or (entry = 'done' \
             and (step, saga) in (select * from unnest($1::text[], $2::text[]))) \
         order by due_at limit $3",
    )
    .bind(steps)
    .bind(sagas)
    .bind(MOST)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, due_at, what)| (saga, due_at.to_jiff(), what)).collect())
}

/// The deadlines that passed more than `quiescent_after` ago, by saga: whether the saga is declared
/// with a deadline, their number, and the first of them.
async fn passed(
    db: &mut PgConnection,
    declared: &[&str],
    quiescent_after: SignedDuration,
) -> Result<Vec<(String, bool, i64, Timestamp)>, sqlx::Error> {
    let rows: Vec<(String, bool, i64, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select saga, saga = any($1), count(*), min(due_at) from ballet.deadline \
         where due_at < ballet.now() - $2 * interval '1 millisecond' group by saga order by saga",
    )
    .bind(declared)
    .bind(i64::try_from(quiescent_after.as_millis()).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(saga, known, n, since)| (saga, known, n, since.to_jiff())).collect())
}

//! Judges deadlines: each ends with its saga, and is published when it has passed.

use ballet_core::{Part, StepKind};
use ballet_store::deadlines::{of_ended_sagas, passed};
use jiff::SignedDuration;
use sqlx::PgConnection;

use crate::audit::report::Report;
use crate::words::counted;

/// Nobody reads a longer report.
const MOST: i64 = 1_000;

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
    for (saga, due_at, what) in of_ended_sagas(db, &decisions, MOST).await? {
        report.violations.push(format!(
            "saga {saga}: {service} has {what}, but the deadline at {due_at} is still set"
        ));
    }
    let declared: Vec<&str> =
        sagas.iter().filter(|saga| saga.deadline.is_some()).map(|saga| saga.saga).collect();
    for (saga, known, count, since) in passed(db, &declared, quiescent_after).await? {
        let many = counted(count, "deadline");
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

//! A service's state at this moment, from its database: locks, processes, providers.

use ballet_core::Cause;
use ballet_store::calls::open;
use ballet_store::database::probe::recovers;
use ballet_store::process::{Liveness, UnreadyProcess, WhyUnready, alive, replicas, unready};
use sqlx::PgConnection;

use crate::standing::finding::{Finding, Hinders};
use crate::standing::locks;

/// Adds the findings on a service. Those before an error stay, since they may explain it.
pub(crate) async fn findings_of(
    service: &str,
    db: &mut PgConnection,
    findings: &mut Vec<Finding>,
) -> Result<(), sqlx::Error> {
    let all = || Hinders::Service(service.to_owned());
    if recovers(db).await? {
        let found = "its database's server recovers, or is a standby: it takes no writes";
        findings.push(Finding::bad(Cause::Recovery, service, found, RECOVERY).hinders(all()));
    }
    // A lock may be why other checks fail.
    findings.extend(locks::check(db, service).await?);
    let unready = unready(db).await?;
    match alive(db).await? {
        Liveness::Yes => {
            let told = unready.iter().filter(|one| one.why != WhyUnready::Frozen).count();
            let count: u64 = replicas(db).await?.iter().map(|of| of.count).sum();
            let hinders = if count > told as u64 { Hinders::Nothing } else { all() };
            findings.extend(unready.iter().map(|one| of_process(service, one, &hinders)));
        }
        Liveness::Frozen(since) => {
            let frozen = unready.iter().map(|one| of_process(service, one, &all()).since(since));
            findings.extend(frozen);
        }
        Liveness::No(since) => {
            let advice = "start it, and look at its log if it ended";
            let none = Finding::bad(Cause::Process, service, "it has no process", advice);
            findings.push(none.since(since).hinders(all()));
        }
    }
    for (step, failing) in open::failing(db).await? {
        let found = format!("all calls that {step} makes fail: {}", failing.error);
        let advice =
            "look whether the provider is away, or refuses us; calls are made again by themselves";
        let provider = Finding::bad(Cause::Provider, service, &found, advice).since(failing.since);
        findings.push(provider.hinders(Hinders::Step(service.to_owned(), step)));
    }
    Ok(())
}

pub(crate) const RECOVERY: &str =
    "wait until it has recovered; if it is a standby, give the address of the primary";

fn of_process(
    service: &str,
    UnreadyProcess { process, why }: &UnreadyProcess,
    hinders: &Hinders,
) -> Finding {
    let found = format!("its process {process} is not ready: {why}");
    let (cause, advice) = match why {
        WhyUnready::Starts => {
            let advice = "wait some seconds, and look again";
            return Finding::warning(Cause::Ready, service, &found, advice)
                .hinders(hinders.clone());
        }
        WhyUnready::Frozen => (
            Cause::Frozen,
            "let it go on, or kill it and start it again: what it has not done is not lost",
        ),
        WhyUnready::Told(why) => {
            (Cause::of_reason(why).unwrap_or(Cause::Ready), "mend what it says; its log has more")
        }
    };
    let unready = Finding::bad(cause, service, &found, advice);
    // The broker's finding has what it misses by a binding.
    if cause == Cause::Binding { unready } else { unready.hinders(hinders.clone()) }
}

//! What the tests cost: seconds of a processor, which say more than the clock on a busy machine.

use std::cell::Cell;

use ballet_stage::Servers;
use ballet_stage::usage::Snapshot;

/// Tells the programs apart by the moment at which each ends: the system adds a program's time to its
/// parent's when the parent has waited for it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    seen: Cell<f64>,
}

impl Meter {
    /// The seconds of the children that have ended since the last call.
    pub(crate) fn since_the_last(&self) -> f64 {
        let all = ended();
        all - self.seen.replace(all)
    }
}

fn ended() -> f64 {
    let own = std::process::id().cast_signed();
    Snapshot::take().map_or(0.0, |snapshot| snapshot.ended(own) / 1000.0)
}

/// The seconds of the broker and of Postgres, where they are ours.
pub(crate) async fn of_servers(servers: &Servers) -> (f64, f64) {
    let (broker, postgres) = (servers.rabbitmq().pids().await, servers.postgres().pids().await);
    let seconds = |pids: &[i32]| {
        Snapshot::take().map_or(0.0, |snapshot| snapshot.milliseconds(pids) / 1000.0)
    };
    (seconds(&broker), seconds(&postgres))
}

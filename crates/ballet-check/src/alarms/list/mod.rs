//! The alarms. Each cause rings one alarm, and no alarm that only follows from it. The expressions say so themselves,
//! because not every Prometheus has an Alertmanager with inhibitions.

mod causes;
mod parts;
mod sagas;
mod servers;

use crate::alarms::alarm::{Alarm, Severity};

/// Returns all alarms, the most severe first.
pub(crate) fn alarms() -> Vec<&'static Alarm> {
    let all: Vec<_> = servers::ALARMS.iter().chain(parts::ALARMS).chain(sagas::ALARMS).collect();
    let (critical, warnings): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|alarm| alarm.severity == Severity::Critical);
    [critical, warnings].concat()
}

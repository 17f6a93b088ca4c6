//! The alarms. One cause rings one alarm: what follows from another alarm's cause does not ring beside it.
//! An expression says so itself, because an inhibition is the Alertmanager's, which not everybody has.

mod causes;
mod parts;
mod sagas;
mod servers;

use crate::alarms::alarm::{Alarm, Severity};

/// All alarms, the worst first.
pub(crate) fn alarms() -> Vec<&'static Alarm> {
    let all: Vec<_> = servers::ALARMS.iter().chain(parts::ALARMS).chain(sagas::ALARMS).collect();
    let (critical, warnings): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|alarm| alarm.severity == Severity::Critical);
    [critical, warnings].concat()
}

//! Checks that the journal has what its policy promises.

use std::time::Duration;

use crate::stream::begins_too_late;
use ballet_core::Cause;
use ballet_core::topology::JOURNAL_DAYS;
use tokio::time::timeout;

use crate::doctor::servers::SystemServers;
use crate::standing::finding::{BROKER, Finding};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(SystemServers { broker, clock, .. }: &SystemServers) -> Finding {
    match timeout(PATIENCE, begins_too_late(broker, clock.now())).await {
        Ok(Ok(None)) => {
            let found = format!("it has the last {JOURNAL_DAYS} days, or all since it was made");
            Finding::well(Cause::Journal, BROKER, &found)
        }
        Ok(Ok(Some(begins))) => {
            let found = format!(
                "it begins at {begins:.0} and promises {JOURNAL_DAYS} days: what is older is lost to \
                 redrive, restore and tap"
            );
            let advice = "back up the databases now: no earlier backup can be brought up to date. See \
                          with `ballet tap --from first` what fills it";
            Finding::bad(Cause::Journal, BROKER, &found, advice)
        }
        Ok(Err(error)) => {
            let advice = "give AMQP_URL a user who may read it: ops, redrive or tap";
            Finding::unknown(Cause::Journal, BROKER, &error.to_string(), advice)
        }
        Err(_) => {
            let found = format!("where it begins is not known after {} s", PATIENCE.as_secs());
            let advice = "see whether the broker delivers: `ballet tap --from first --limit 1`";
            Finding::unknown(Cause::Journal, BROKER, &found, advice)
        }
    }
}

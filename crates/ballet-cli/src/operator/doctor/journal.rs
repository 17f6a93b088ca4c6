//! Checks that the journal still has what its policy promises to keep.

use std::time::Duration;

use ballet::core::topology::JOURNAL_DAYS;
use ballet_stream::begins_too_late;
use tokio::time::timeout;

use crate::base::exit::{error_text, of_journal};
use crate::base::options::GlobalOptions;
use crate::operator::doctor::finding::Finding;

const JOURNAL: &str = "journal";
const BROKER: &str = "the broker";
/// The longest time until the journal's beginning is known.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(options: &GlobalOptions) -> Option<Finding> {
    // Without an address of the broker, its connection is already a finding.
    let broker = options.broker().ok()?;
    let asked = timeout(PATIENCE, begins_too_late(&broker, options.clock.now())).await;
    Some(match asked {
        Ok(Ok(None)) => {
            let found = format!("it has the last {JOURNAL_DAYS} days, or all since it was made");
            Finding::well(JOURNAL, BROKER, &found)
        }
        Ok(Ok(Some(begins))) => {
            let found = format!(
                "it begins at {begins:.0} and promises {JOURNAL_DAYS} days: what is older is lost to \
                 redrive, restore and tap"
            );
            let advice = "back up the databases now: no earlier backup can be brought up to date. See \
                          with `ballet tap --from first` what fills it";
            Finding::bad(JOURNAL, BROKER, &found, advice)
        }
        Ok(Err(error)) => {
            let advice = "give AMQP_URL a user who may read it: ops, redrive or tap";
            Finding::unknown(JOURNAL, BROKER, &error_text(&of_journal(error)), advice)
        }
        Err(_) => {
            let found = format!("where it begins is not known after {} s", PATIENCE.as_secs());
            let advice = "see whether the broker delivers: `ballet tap --from first --limit 1`";
            Finding::unknown(JOURNAL, BROKER, &found, advice)
        }
    })
}

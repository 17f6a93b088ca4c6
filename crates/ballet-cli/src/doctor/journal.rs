//! The journal: whether it still has what its policy promises to keep.

use std::time::Duration;

use ballet::core::topology::JOURNAL_DAYS;
use ballet_amqp::Broker;
use ballet_store::inbox::messages::count_between;
use ballet_stream::{begins_too_late, oldest};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sqlx::Connection;
use tokio::time::timeout;

use crate::doctor::finding::Finding;
use crate::exit::{of_journal, words};
use crate::options::GlobalOptions;

const JOURNAL: &str = "journal";
const BROKER: &str = "the broker";
const LOST: &str = "What is older is lost to redrive, restore and tap";
const BACK_UP: &str = "back up the databases now: no earlier backup can be brought up to date";
/// Where it begins is known by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// With so many messages from before its first one, a journal is not the one that had them. Fewer may have
/// come past it, straight to a queue.
const MANY: i64 = 10;
/// Messages are published a while after they were made.
const ROUGHLY: SignedDuration = SignedDuration::from_hours(1);

pub(super) async fn check(services: &[&str], options: &GlobalOptions) -> Option<Finding> {
    // Without an address of the broker, its connection is a finding.
    let broker = options.broker().ok()?;
    let asked = timeout(PATIENCE, begins_too_late(&broker, options.clock.now())).await;
    Some(match asked {
        Ok(Ok(None)) => match made_anew(&*broker, services, options).await {
            None => {
                let found =
                    format!("it has the last {JOURNAL_DAYS} days, or all since it was made");
                Finding::well(JOURNAL, BROKER, &found)
            }
            Some((service, first)) => {
                let found = format!(
                    "{service} has handled messages from before its first one, of {first:.0}: it was \
                     deleted and made anew. {LOST}"
                );
                Finding::bad(JOURNAL, BROKER, &found, BACK_UP)
            }
        },
        Ok(Ok(Some(begins))) => {
            let found =
                format!("it begins at {begins:.0} and promises {JOURNAL_DAYS} days. {LOST}");
            let advice = format!("{BACK_UP}. See with `ballet tap --from first` what fills it");
            Finding::bad(JOURNAL, BROKER, &found, &advice)
        }
        Ok(Err(error)) => {
            let advice = "give AMQP_URL a user who may read it: ops, redrive or tap";
            Finding::unknown(JOURNAL, BROKER, &words(&of_journal(error)), advice)
        }
        Err(_) => {
            let found = format!("where it begins is not known after {} s", PATIENCE.as_secs());
            let advice = "see whether the broker delivers: `ballet tap --from first --limit 1`";
            Finding::unknown(JOURNAL, BROKER, &found, advice)
        }
    })
}

/// A service that has handled what was published before the journal's first message, and the time of that
/// one. What cannot be read is told elsewhere.
async fn made_anew<'a>(
    broker: &dyn Broker,
    services: &[&'a str],
    options: &GlobalOptions,
) -> Option<(&'a str, Timestamp)> {
    let now = options.clock.now();
    let first = match timeout(PATIENCE, oldest(broker)).await {
        Ok(Ok(Some(first))) => first.time?,
        Ok(Ok(None)) => now,
        Ok(Err(_)) | Err(_) => return None,
    };
    let promised = now - SignedDuration::from_hours(24 * JOURNAL_DAYS);
    let handled = join_all(services.iter().map(|&service| async move {
        let count = async {
            let mut db = options.connect(service).await.ok()??;
            let (from, to) = (promised + ROUGHLY, first - ROUGHLY);
            let count = count_between(&mut db, from, to, MANY).await.ok();
            db.close().await.ok();
            count
        };
        let count = timeout(PATIENCE, count).await.ok().flatten();
        count.filter(|count| *count >= MANY).map(|_| (service, first))
    }));
    handled.await.into_iter().flatten().next()
}

//! Looks at how many messages wait in queues, over the consumer's connection.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::session::lookup::Lookup;
use crate::session::object::Object;
use crate::session::seam::Session;

const EVERY: Duration = Duration::from_secs(5);

/// The number of ready messages in each watched queue. A queue that the broker says nothing about
/// is missing.
pub type Lengths = BTreeMap<String, u32>;

/// Looks now and then, and never returns. A connection that is lost is noticed elsewhere.
pub(super) async fn look(
    session: &dyn Session,
    queues: &[String],
    lengths: &watch::Sender<Lengths>,
) -> std::convert::Infallible {
    if queues.is_empty() {
        return std::future::pending().await;
    }
    loop {
        let mut found = Lengths::new();
        for queue in queues {
            let looked = session.find(&Object::Queue(queue.clone())).await;
            if let Ok(Lookup::Found(queued)) = looked {
                found.insert(queue.clone(), queued.messages);
            }
        }
        lengths.send_replace(found);
        sleep(EVERY).await;
    }
}

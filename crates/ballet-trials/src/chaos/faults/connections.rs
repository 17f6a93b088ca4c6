//! Faults of a service's connections to the broker: they are closed, or have a right no more.

use std::time::Duration;

use anyhow::Result;
use ballet_stage::{Management, Method, wait_until};
use serde_json::Value;

use crate::chaos::faults::some::service;
use crate::dice::Dice;
use crate::running::long_run::LongRun;

const PATIENCE: Duration = Duration::from_secs(30);

/// The connections of a service's user. The list of all lacks those of the last seconds, and a service that is killed
/// every other second has no older ones.
async fn open(management: &Management, service: &str) -> Result<Vec<Value>> {
    let open = management.call(Method::GET, &["connections", "username", service], None).await?;
    Ok(open.as_array().cloned().unwrap_or_default())
}

/// Closes some of the connections that the broker lists for a service. It may list none.
pub(crate) async fn close(run: &LongRun, dice: &mut Dice) -> Result<Option<String>> {
    let management = run.stage.env.management();
    let service = service(run, dice)?;
    let mut connections = open(management, service).await?;
    dice.shuffle(&mut connections);
    connections.truncate(1 + dice.below(connections.len()));
    let mut closed = 0;
    for connection in connections {
        let Some(id) = connection["name"].as_str() else { continue };
        // The list is not up to date: the connection may already be closed.
        closed +=
            usize::from(management.call(Method::DELETE, &["connections", id], None).await.is_ok());
    }
    Ok((closed > 0).then(|| format!("{closed} of {service}")))
}

/// Takes a service's permission to publish or to consume, and gives it back.
pub(crate) async fn permission(run: &LongRun, dice: &mut Dice) -> Result<Option<String>> {
    let service = service(run, dice)?;
    let which = if dice.one_in(3) { "read" } else { "write" };
    let taken = Taken::from(run, service, which).await?;
    if taken.closed > 0 {
        tokio::time::sleep(dice.millis(1_000, 15_000)).await;
    }
    taken.give_back().await?;
    Ok((taken.closed > 0).then(|| format!("{service}, {which}")))
}

/// A permission that a service has no more.
pub(super) struct Taken<'a> {
    management: &'a Management,
    path: [&'a str; 3],
    full: Value,
    /// The number of connections that were closed for it. With none nobody has noticed.
    pub(super) closed: usize,
}

impl<'a> Taken<'a> {
    /// Takes it from who is connected, too: the broker looks at rights when a consumer starts, and remembers on a channel
    /// to what it may publish.
    pub(super) async fn from(run: &'a LongRun, service: &'a str, which: &str) -> Result<Self> {
        let (management, vhost) = (run.stage.env.management(), run.stage.env.vhost());
        let path = ["permissions", vhost, service];
        let full = management.call(Method::GET, &path, None).await?;
        let mut without = full.clone();
        without[which] = "^$".into();
        management.call(Method::PUT, &path, Some(&without)).await?;
        let closed = open(management, service).await?.len();
        management.call(Method::DELETE, &["connections", "username", service], None).await?;
        Ok(Self { management, path, full, closed })
    }

    pub(super) async fn give_back(&self) -> Result<()> {
        let given = wait_until("the permission", PATIENCE, || async {
            self.management.call(Method::PUT, &self.path, Some(&self.full)).await.map(Some)
        });
        Ok(given.await.map(drop)?)
    }
}

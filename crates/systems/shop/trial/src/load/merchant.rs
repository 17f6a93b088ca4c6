//! The merchant changes products and receives goods, at a steady pace.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_trials::Site;

use crate::load::products::{publish, reprice, withdraw};
use crate::load::stock;

const PAUSE: Duration = Duration::from_millis(250);

/// Received each time with a new delivery note.
const GOODS: &str = "pen";
const ON_A_NOTE: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Merchant {
    next: AtomicUsize,
    /// Delivery notes that inventory has confirmed.
    confirmed: AtomicUsize,
}

impl Merchant {
    /// Runs until the time is over. A product whose change has no answer stays as it is.
    pub(crate) async fn run(&self, site: &Site, until: Instant) -> Result<()> {
        while Instant::now() < until {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            // The oracle finds lost changes; an unanswered one is no fault.
            product(site, number).await.ok();
            if stock::receive(site, number, GOODS, ON_A_NOTE).await.is_ok() {
                self.confirmed.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Checks that each delivery note has counted once, by the database, because inventory may answer only its
    /// gateway. A note without an answer may have counted.
    pub(crate) async fn audit(&self, databases: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let (begun, confirmed) =
            (self.next.load(Ordering::Relaxed), self.confirmed.load(Ordering::Relaxed));
        if begun == 0 {
            return Ok(Vec::new());
        }
        let received = crate::audit::received(databases, GOODS).await?;
        let received = usize::try_from(received).unwrap_or_default();
        let once = ON_A_NOTE * confirmed..=ON_A_NOTE * begun;
        let holds = once.contains(&received) && received.is_multiple_of(ON_A_NOTE);
        let line = format!(
            "inventory counted {received} of {GOODS}, on {begun} notes of {ON_A_NOTE}, of which it \
             confirmed {confirmed}"
        );
        Ok(if holds { Vec::new() } else { vec![line] })
    }
}

async fn product(site: &Site, number: usize) -> Result<()> {
    let (http, sku) = (&site.http, format!("vase-{number}"));
    // Each change may reach another process.
    let url = async |at| site.url("catalog", at).await;
    publish(http, &url(number).await?, &sku, 1_000).await?;
    for version in 1..4 {
        let price = 1_000 + 10 * version;
        reprice(http, &url(number + 1).await?, &sku, version, price).await?;
    }
    // Every other product stays.
    if number.is_multiple_of(2) {
        withdraw(http, &url(number + 2).await?, &sku, 4).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Servers};
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

    use super::*;

    #[tokio::test]
    async fn what_came_in_is_read_from_the_database_where_no_inventory_answers() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "received").await.expect("one");
        let mut db = PgConnection::connect(database.url()).await.expect("a session");
        db.execute("create table stock (sku text primary key, received bigint not null)")
            .await
            .expect("a table");
        let databases = BTreeMap::from([("inventory".to_owned(), database.url().to_owned())]);
        let merchant = Merchant { next: AtomicUsize::new(3), confirmed: AtomicUsize::new(2) };
        for (received, is_wrong) in [(20, false), (30, false), (10, true), (25, true), (40, true)] {
            let count = format!(
                "insert into stock values ('{GOODS}', {received}) \
                 on conflict (sku) do update set received = excluded.received"
            );
            db.execute(AssertSqlSafe(count)).await.expect("counted");
            let wrong = merchant.audit(&databases).await.expect("an answer");
            assert_eq!(!wrong.is_empty(), is_wrong, "{received}: {wrong:?}");
        }
        // A merchant without goods reads no database.
        let nowhere = BTreeMap::new();
        assert_eq!(Merchant::default().audit(&nowhere).await.expect("nothing"), [""; 0]);
        assert!(merchant.audit(&nowhere).await.is_err(), "it is said that nobody was asked");
    }
}

//! A service that notes hotels' names, publishes, and fails on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::{Failure, Migration, Participant, Projection, Retry, Tx};
use sqlx::AssertSqlSafe;
use tokio::sync::Semaphore;

use crate::inbox_outbox::trip::{HotelRenamed, Trouble};

ballet_testkit::events! {
    NotePrinted = plain "guide.note_printed.v1" { name: String }
}

pub(crate) const TABLES: &[Migration] =
    &[Migration { name: "0001_note", sql: "create table note (name text not null)" }];

pub(crate) fn renamed(name: &str) -> HotelRenamed {
    HotelRenamed { name: name.to_owned() }
}

/// Writes and publishes first; then fails in the way that the name says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) trouble: Trouble,
    pub(crate) entered: Arc<AtomicUsize>,
    /// Handlers wait for these permits; `None`: they do not wait.
    pub(crate) hold: Option<Arc<Semaphore>>,
}

impl Notes {
    pub(crate) fn held() -> Self {
        Self { hold: Some(Arc::new(Semaphore::new(0))), ..Self::default() }
    }

    pub(crate) fn let_go(&self) {
        if let Some(hold) = &self.hold {
            hold.add_permits(1000);
        }
    }

    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    pub(crate) fn guide(&self) -> Participant {
        Participant::new("guide").projects(self.clone()).publishes::<NotePrinted>()
    }
}

impl Projection for Notes {
    const NAME: &'static str = "notes";
    type On = HotelRenamed;
    const RETRY: Retry = Retry::at_once(2);

    async fn apply(
        &self,
        tx: &mut Tx<'_>,
        HotelRenamed { name }: HotelRenamed,
    ) -> Result<(), Failure> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        sqlx::query("insert into note values ($1)").bind(&name).execute(tx.db()).await?;
        tx.publish(&NotePrinted { name: name.clone() }).await?;
        if let Some(hold) = &self.hold {
            hold.acquire().await?.forget();
        }
        if !self.trouble.strikes() {
            return Ok(());
        }
        match name.as_str() {
            "Hangs" => std::future::pending().await,
            "Broken" => Err(Failure::permanent("the pen is broken")),
            // The database raises it.
            code if code.len() == 5 => {
                let raise = format!("do $$ begin raise sqlstate '{code}'; end $$");
                sqlx::query(AssertSqlSafe(raise)).execute(tx.db()).await?;
                Ok(())
            }
            _ => Err(Failure::transient("the ink is dry")),
        }
    }
}

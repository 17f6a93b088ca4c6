//! Take an older version of an event: new turnstiles count adults and children, old ones only guests.
//!
//! A change that is more than a new optional field is a new event, with the next major version. Both are declared, and
//! the older one is turned into the newer as soon as it is read. So there is one place that knows the old one, which
//! goes with the last old turnstile.

use ballet::{Failure, Migration, Service, Tx, event};

// The turnstiles are no service of ours: they have a broker user of their own, which may publish these two events.
#[event("visitors.guests_counted.v1", also_from("turnstile"))]
pub struct GuestsCountedV1 {
    pub screen: String,
    pub guests: u16,
}

#[event("visitors.guests_counted.v2", also_from("turnstile"))]
pub struct GuestsCounted {
    pub screen: String,
    pub adults: u16,
    pub children: u16,
}

impl From<GuestsCountedV1> for GuestsCounted {
    /// An old turnstile takes everybody for an adult, as the statistics did in its time.
    fn from(GuestsCountedV1 { screen, guests: adults }: GuestsCountedV1) -> Self {
        Self { screen, adults, children: 0 }
    }
}

#[ballet::service("visitors", migrations = TABLES)]
impl Visitors {
    #[projects]
    async fn count_guests(tx: &mut Tx<'_>, counted: GuestsCounted) -> Result<(), Failure> {
        let add = "insert into screen (screen, adults, children) values ($1, $2, $3)
                   on conflict (screen) do update
                   set adults = screen.adults + $2, children = screen.children + $3";
        sqlx::query(add)
            .bind(counted.screen)
            .bind(i64::from(counted.adults))
            .bind(i64::from(counted.children))
            .execute(tx.db())
            .await?;
        Ok(())
    }

    #[projects]
    async fn count_guests_v1(tx: &mut Tx<'_>, counted: GuestsCountedV1) -> Result<(), Failure> {
        Self::count_guests(tx, counted.into()).await
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_screen",
    sql: "create table screen (screen text primary key, adults bigint not null, children bigint not null)",
}];

#[must_use]
pub fn service() -> Service {
    Visitors::service()
}

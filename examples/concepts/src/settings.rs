//! Several handlers in one service, with settings from the environment. `src/main.rs` is its program, `foyer`.
//!
//! A service is a value, so it gets its settings like any other value: as fields. A wrong setting ends the program at
//! its start, with the variable's name. `foyer --help` lists all settings.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ballet::http::{Json, Problem};
use ballet::{Does, Failure, Handle, Migration, Service, Tx, done, event};

use crate::ticket_order::{OrderConfirmed, TicketOrder};
use crate::upcast::GuestsCounted;

/// The settings of the foyer, besides those of every service.
#[derive(Debug, Clone, clap::Args)]
pub struct FoyerSettings {
    /// The greeting of guests.
    #[arg(long, env = "FOYER_GREETING", default_value = "Welcome")]
    pub foyer_greeting: String,

    /// The number of guests that there is room for.
    #[arg(long, env = "FOYER_CAPACITY", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..))]
    pub foyer_capacity: u16,
}

#[event("foyer.guest_greeted.v1", in_saga)]
pub struct GuestGreeted {
    pub text: String,
}

#[event("foyer.foyer_filled.v1")]
pub struct FoyerFilled {
    pub guests: i64,
}

#[derive(Debug)]
struct Foyer {
    greeting: String,
    capacity: i64,
}

#[ballet::service(
    "foyer",
    saga = TicketOrder,
    migrations = TABLES,
    routes = routes,
    publishes(FoyerFilled)
)]
impl Foyer {
    #[retriable]
    async fn greet_guest(&self, _: &mut Tx<'_>, order: OrderConfirmed) -> Does<GuestGreeted> {
        done(GuestGreeted { text: format!("{}, {}!", self.greeting, order.guest) })
    }

    #[projects]
    async fn let_in(&self, tx: &mut Tx<'_>, counted: GuestsCounted) -> Result<(), Failure> {
        let new = i64::from(counted.adults) + i64::from(counted.children);
        let add = sqlx::query_scalar("update foyer set guests = guests + $1 returning guests");
        let guests: i64 = add.bind(new).fetch_one(tx.db()).await?;
        // Only by the guests who fill it, not by everybody who comes after them.
        if guests >= self.capacity && guests - new < self.capacity {
            tx.publish(&FoyerFilled { guests }).await?;
        }
        Ok(())
    }
}

async fn guests(State(handle): State<Handle>) -> Result<Json<i64>, Problem> {
    Ok(Json(sqlx::query_scalar("select guests from foyer").fetch_one(handle.db()).await?))
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_foyer",
    sql: "create table foyer (guests bigint not null); insert into foyer values (0)",
}];

fn routes(handle: Handle) -> Router {
    Router::new().route("/guests", get(guests)).with_state(handle)
}

#[must_use]
pub fn service(settings: FoyerSettings) -> Service {
    let FoyerSettings { foyer_greeting: greeting, foyer_capacity } = settings;
    Foyer { greeting, capacity: foyer_capacity.into() }.service()
}

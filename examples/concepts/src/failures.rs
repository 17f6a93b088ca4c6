//! Fail: try again, wait for another event, or give up. The kitchen bakes pizzas in ovens that it hears of.
//!
//! | what went wrong | failure | what happens |
//! |---|---|---|
//! | it may work later | `transient`, and any error behind `?` | tried again as [`Retry`] says, then a dead letter |
//! | an event has overtaken the one it needs | `not_yet` | waits for up to an hour |
//! | no retry can help | `permanent` | a dead letter at once |
//!
//! All that the handler wrote is rolled back. A dead letter is kept whole, with the reason, until somebody sends it
//! back (`ballet dlq redrive`). A business "no" is none of these: see [`refuse`](crate::refuse).

use ballet::{Delay, Failure, Migration, Retry, Service, Tx, event};

const HOT: i32 = 220;

#[event("kitchen.pizza_ordered.v1", also_from("till"))]
pub struct PizzaOrdered {
    pub oven: String,
    pub pizza: String,
}

#[event("kitchen.oven_heated.v1", also_from("thermostat"))]
pub struct OvenHeated {
    pub oven: String,
    pub celsius: u16,
}

#[ballet::service("kitchen", migrations = TABLES)]
impl Kitchen {
    /// One more try at once, and the same after 5 and after 30 seconds. Then nobody wants the pizza any more.
    #[projects(retry = Retry::at_once(1).later(&[Delay::FiveSeconds, Delay::ThirtySeconds]))]
    async fn bake_pizza(tx: &mut Tx<'_>, order: PizzaOrdered) -> Result<(), Failure> {
        let PizzaOrdered { oven, pizza } = order;
        if !matches!(pizza.as_str(), "margherita" | "funghi") {
            return Err(Failure::permanent(format!("{pizza:?} is not on the menu")));
        }
        let bake = sqlx::query("insert into baked (oven, pizza) values ($1, $2)");
        bake.bind(&oven).bind(pizza).execute(tx.db()).await?;
        let celsius = sqlx::query_scalar("select celsius from oven where oven = $1").bind(&oven);
        match celsius.fetch_optional(tx.db()).await? {
            None => Err(Failure::not_yet(format!("nothing is known of the oven {oven:?} yet"))),
            Some(cold @ ..HOT) => Err(Failure::transient(format!("the oven has {cold} °C"))),
            Some(_) => Ok(()),
        }
    }

    #[projects]
    async fn note_oven(tx: &mut Tx<'_>, heated: OvenHeated) -> Result<(), Failure> {
        let OvenHeated { oven, celsius } = heated;
        let note = "insert into oven (oven, celsius) values ($1, $2)
                    on conflict (oven) do update set celsius = $2";
        sqlx::query(note).bind(oven).bind(i32::from(celsius)).execute(tx.db()).await?;
        Ok(())
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_oven",
    sql: "create table oven (oven text primary key, celsius int not null);
          create table baked (oven text not null, pizza text not null)",
}];

#[must_use]
pub fn service() -> Service {
    Kitchen::service()
}

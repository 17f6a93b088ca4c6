//! Share an entity: each change of a film is an event with the whole film and its next version, in the transaction
//! of the change. Others keep copies, see [`copy`](crate::copy).
//!
//! A reader takes only what is newer. So the version never becomes smaller, and a removed film keeps its row.

use axum::Router;
use axum::extract::State;
use axum::routing::put;
use ballet::core::Versioned;
use ballet::http::{Json, Path, Problem};
use ballet::{Handle, Migration, Service, entity, event};

// When a new reader asks, with an event of its own, the framework publishes all films again.
#[entity(
    "film",
    republished = "programme.films_republished.v1",
    requests("kiosk.films_requested.v1")
)]
pub struct Film {
    pub title: String,
    pub price_cents: i64,
}

#[event("programme.film_changed.v1", carries = film)]
pub struct FilmChanged {
    pub film: Versioned<Film>,
}

async fn show(
    State(handle): State<Handle>,
    Path(film_id): Path<String>,
    Json(film): Json<Film>,
) -> Result<Json<Versioned<Film>>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let set = "insert into film (film_id, title, price_cents) values ($1, $2, $3)
               on conflict (film_id) do update
               set version = film.version + 1, title = $2, price_cents = $3, removed = false
               returning version";
    let set = sqlx::query_scalar(set).bind(&film_id).bind(&film.title).bind(film.price_cents);
    let version: i64 = set.fetch_one(tx.db()).await?;
    let event = FilmChanged { film: Versioned::of(film_id, version, film) };
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(Json(event.film))
}

async fn remove(
    State(handle): State<Handle>,
    Path(film_id): Path<String>,
) -> Result<Json<Versioned<Film>>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let remove = "update film set version = version + 1, removed = true
                  where film_id = $1 and not removed returning version";
    let version = sqlx::query_scalar(remove).bind(&film_id).fetch_optional(tx.db()).await?;
    let Some(version) = version else {
        return Err(Problem::not_found(format!("there is no film {film_id}")));
    };
    let event = FilmChanged { film: Versioned::removed(film_id, version) };
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(Json(event.film))
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_film",
    sql: "create table film (film_id text primary key, version bigint not null default 1,
              title text not null, price_cents bigint not null, removed boolean not null default false);
          create view shared_film as select film_id as id, version, case when not removed then
              jsonb_build_object('title', title, 'price_cents', price_cents) end as state from film",
}];

fn routes(handle: Handle) -> Router {
    Router::new().route("/films/{film_id}", put(show).delete(remove)).with_state(handle)
}

#[ballet::service(
    "programme",
    migrations = TABLES,
    routes = routes,
    publishes(FilmChanged),
    shares(Film = "shared_film")
)]
impl Programme {}

#[must_use]
pub fn service() -> Service {
    Programme::service()
}

//! Keep a copy of another service's entity: the kiosk knows the films of the programme, also when that is down.
//!
//! The framework feeds the copy from the owner's events. It takes only newer versions, in whatever order they come,
//! and asks the owner for all films when the kiosk is new. See [`share`](crate::share) for the owner's side.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use ballet::core::Versioned;
use ballet::http::{Json, Path, Problem};
use ballet::{Handle, Service, copies};

use crate::share::{Film, FilmChanged};

async fn read(
    State(handle): State<Handle>,
    Path(film_id): Path<String>,
) -> Result<Json<Film>, Problem> {
    let mut db = handle.db().acquire().await?;
    // Asked first, so that a film that comes between the two statements is found.
    let is_filled = copies::is_filled::<Film>(&mut db).await?;
    match copies::get::<Film>(&mut db, &film_id).await? {
        Some(Versioned { state: Some(film), .. }) => Ok(Json(film)),
        Some(Versioned { state: None, .. }) => {
            Err(Problem::new(StatusCode::GONE, format!("{film_id} is no longer shown")))
        }
        None if is_filled => Err(Problem::not_found(format!("there is no film {film_id}"))),
        // While the copy is being filled, "no such film" could be wrong.
        None => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the films are not known yet: try again",
        )),
    }
}

fn routes(handle: Handle) -> Router {
    Router::new().route("/films/{film_id}", get(read)).with_state(handle)
}

#[ballet::service("kiosk", copies(Film, fed_by(FilmChanged)), routes = routes)]
impl Kiosk {}

#[must_use]
pub fn service() -> Service {
    Kiosk::service()
}

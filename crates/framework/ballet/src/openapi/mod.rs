//! HTTP routes that describe themselves. An [`Api`] takes each route once. Its handler answers the
//! requests, and the types in the handler's signature describe it in an OpenAPI 3.1 document. So no
//! route is without a description, and no description without a route.
//!
//! ```
//! use axum::http::StatusCode;
//! use ballet::http::{Json, Path, Problem};
//! use ballet::openapi::{Api, Operation};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// A note.
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Note {
//!     /// What it says.
//!     text: String,
//! }
//!
//! /// A note, by its number.
//! #[derive(Deserialize, JsonSchema)]
//! struct Number(u16);
//!
//! async fn read(Path(Number(number)): Path<Number>) -> Result<Json<Note>, Problem> {
//!     match number {
//!         1 => Ok(Json(Note { text: "buy milk".to_owned() })),
//!         _ => Err(Problem::not_found(format!("there is no note {number}"))),
//!     }
//! }
//!
//! let api = Api::new("notes", "Keeps notes.").get(
//!     "/notes/{number}",
//!     read,
//!     Operation::new("read_note", "Read a note")
//!         .refuses(StatusCode::NOT_FOUND, "There is no such note."),
//! );
//! let document = api.document();
//! assert_eq!(document.mistakes(), [""; 0]);
//! let router: axum::Router = api.router(()); // it serves `GET /openapi.json`, too
//! # assert!(document.text().contains("read_note"));
//! ```
//!
//! schemars makes every schema in the JSON Schema dialect of OpenAPI 3.1, as for the bodies of
//! events.

mod answers;
mod api;
mod caller;
mod described_handler;
mod document;
mod draft;
mod etag;
mod event_stream;
mod idempotency_key;
mod operation;
mod tagged;
mod takes;
mod watchers;

pub use answers::{Accepted, Answers, Created, Either, NoContent};
pub use api::Api;
pub use caller::{Caller, Owners};
pub use described_handler::DescribedHandler;
pub use document::Document;
pub use draft::Draft;
pub use etag::IfMatch;
pub use event_stream::EventStream;
pub use idempotency_key::IdempotencyKey;
pub use operation::Operation;
pub use tagged::{FoundThing, NewThing, Tagged};
pub use takes::Takes;
pub use watchers::{History, ReadChanges, WatchLimits, Watchers};

pub use serde_json::{Value, json};

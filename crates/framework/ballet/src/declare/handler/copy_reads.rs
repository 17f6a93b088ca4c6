//! How handlers read the copies that their service keeps.

use std::collections::HashMap;

use ballet_core::{Entity, Versioned};
use ballet_store::copies::copy_writes::{CopiedRow, rows};
use ballet_store::copies::fills;
use sqlx::PgConnection;

use crate::declare::handler::failure::Failure;

/// Reads an entity from this service's copy: `None` if the copy does not know it, and a version
/// without a state if it was removed.
///
/// Only committed entities are read. Events that the same batch brings are written at its end.
///
/// # Errors
///
/// A failure of the database, or a permanent one if the state does not have the entity's shape.
pub async fn get<E: Entity>(
    db: &mut PgConnection,
    id: &str,
) -> Result<Option<Versioned<E>>, Failure> {
    let row = rows(db, E::NAME, &[id]).await?.pop();
    row.map(decoded).transpose()
}

/// Reads several entities from this service's copy, by id. Those that it does not know are left out.
/// See [`get`].
///
/// # Errors
///
/// As with [`get`].
pub async fn get_all<E: Entity>(
    db: &mut PgConnection,
    ids: &[&str],
) -> Result<HashMap<String, Versioned<E>>, Failure> {
    let decode = |row: CopiedRow| Ok((row.0.clone(), decoded(row)?));
    rows(db, E::NAME, ids).await?.into_iter().map(decode).collect()
}

/// Whether this service's copy was filled. Then an entity that it does not know is one that the owner
/// does not have, or has had for a moment only. One that was never filled knows what events brought.
///
/// # Errors
///
/// A failure of the database.
pub async fn is_filled<E: Entity>(db: &mut PgConnection) -> Result<bool, Failure> {
    Ok(fills::is_filled(db, E::NAME).await?)
}

fn decoded<E: Entity>((id, version, state): CopiedRow) -> Result<Versioned<E>, Failure> {
    let read = |state: String| ballet_core::json::from_slice(state.as_bytes());
    let state = state.map(read).transpose().map_err(|error| {
        Failure::permanent(format!(
            "the copy of {} {id:?} cannot be decoded; `ballet copies rebuild` brings it anew: {error}",
            E::NAME
        ))
    })?;
    Ok(Versioned { id, version, state })
}

//! Takes services' copies of the products away: they ask for them, and catalog publishes them anew.

use ballet_stage::wait_until;
use sqlx::{Connection, PgConnection};

use crate::services::SOON;
use crate::world::World;

/// Empties the copies of all services that keep one, and waits until each has asked for the products
/// and has them again.
pub(crate) async fn refill(world: &World) {
    let system = shop::system();
    let readers = system.parts.iter().filter(|part| !part.copies.is_empty());
    let readers: Vec<&str> = readers.map(|part| world.env.database_url(part.service)).collect();
    for reader in &readers {
        // The service may be writing the copy, and then one of the two is told of a deadlock.
        let emptied = wait_until("a copy to be emptied", SOON, || async {
            empty(&mut PgConnection::connect(reader).await?).await.map(Some)
        });
        emptied.await.expect("an empty copy");
    }
    for reader in readers {
        let filled = wait_until("a copy to be filled", SOON, || async {
            let mut db = PgConnection::connect(reader).await?;
            let state =
                "select filled_run is not null, requested_at is not null from ballet.copy_fill";
            let (filled, asked): (bool, bool) = sqlx::query_as(state).fetch_one(&mut db).await?;
            if filled && !asked {
                // What another service asked for came first.
                empty(&mut db).await?;
            }
            Ok::<_, sqlx::Error>((filled && asked).then_some(()))
        });
        filled.await.expect("a copy");
    }
}

async fn empty(db: &mut PgConnection) -> sqlx::Result<()> {
    let empty = "with gone as (delete from ballet.copy) update ballet.copy_fill set \
        run = null, seen = 0, pages = null, filled_run = null, requested_at = null";
    sqlx::query(empty).execute(db).await.map(drop)
}

//! The framework's own tables in a service's database, as functions over a connection.

pub(crate) mod calls;
pub(crate) mod chores;
pub(crate) mod clock;
pub(crate) mod database;
pub(crate) mod deadlines;
pub(crate) mod expired_rows;
pub(crate) mod failures;
pub(crate) mod hosts;
pub(crate) mod inbox;
pub(crate) mod indexes;
pub(crate) mod ledger;
pub(crate) mod left_behind;
pub(crate) mod locks;
pub(crate) mod migrate;
pub(crate) mod old_partitions;
pub(crate) mod open_sagas;
pub(crate) mod outbox;
pub(crate) mod outbox_tables;
pub(crate) mod partitions;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod renewal;
pub(crate) mod schema;
pub(crate) mod unsent_copies;

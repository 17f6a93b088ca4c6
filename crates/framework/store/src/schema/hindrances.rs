//! The tables and rights that a service needs in its database, and those that are gone or that
//! somebody has locked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::PgConnection;

/// The rights that there are on each table and sequence, by name. Partitions and outbox tables come and go.
pub type Rights = BTreeMap<String, BTreeSet<String>>;

/// Reads the rights to the framework's tables, and to what the service owns and finds by its search path.
pub async fn rights(db: &mut PgConnection) -> Result<Rights, sqlx::Error> {
    let statement = "\
        with own as (select c.oid, c.relkind, case when n.nspname = 'ballet' then 'ballet.' \
                else '' end || c.relname as name from pg_class c \
            join pg_namespace n on n.oid = c.relnamespace \
            where c.relkind in ('r', 'p', 'S') and not c.relispartition \
                and n.nspname <> 'information_schema' and left(n.nspname, 3) <> 'pg_' \
                and case when n.nspname = 'ballet' then has_schema_privilege(n.oid, 'usage') \
                    and c.relname !~ '_[0-9]+$' else pg_table_is_visible(c.oid) and c.relowner = \
                    (select oid from pg_roles where rolname = current_user) end) \
        select name, may from own cross join lateral (values \
            ('SELECT', relkind <> 'S' and has_table_privilege(oid, 'select')), \
            ('INSERT', relkind <> 'S' and has_table_privilege(oid, 'insert')), \
            ('UPDATE', relkind <> 'S' and has_table_privilege(oid, 'update')), \
            ('DELETE', relkind <> 'S' and has_table_privilege(oid, 'delete')), \
            ('USAGE', relkind = 'S' and has_sequence_privilege(oid, 'usage')), \
            ('', true)) as right_to (may, has) where has";
    let rows: Vec<(String, String)> = sqlx::query_as(statement).fetch_all(db).await?;
    let mut rights = Rights::new();
    for (name, may) in rows {
        rights.entry(name).or_default().insert(may);
    }
    Ok(rights)
}

/// A lock on a table or a sequence that keeps others from writing to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableLock {
    /// The transaction that holds it.
    pub transaction: String,
    pub table: String,
    pub mode: String,
    /// A process of the server with its session, or a prepared transaction, which has none and outlives the server.
    pub holder: String,
    /// The statement that ends the transaction.
    pub end: String,
    /// Since when the transaction runs, or is prepared.
    pub since: Option<Timestamp>,
}

/// Reads who holds such locks on the tables of the service, or of the user who asks, with one lock
/// of each transaction.
pub async fn locks(db: &mut PgConnection) -> Result<Vec<TableLock>, sqlx::Error> {
    let statement = "\
        select distinct on (1, 2) l.virtualtransaction, c.oid::regclass::text, l.mode, \
            case when l.pid is null then format('the prepared transaction %L', p.gid) \
                else format('the server process %s (%s)', l.pid, concat_ws(', ', \
                    nullif(a.application_name, ''), a.usename, a.client_addr::text)) end, \
            case when l.pid is null then format('rollback prepared %L', p.gid) \
                else format('select pg_terminate_backend(%s)', l.pid) end, \
            coalesce(p.prepared, a.xact_start) \
        from pg_locks l join pg_class c on c.oid = l.relation \
        join pg_namespace n on n.oid = c.relnamespace \
        left join pg_stat_activity a on a.pid = l.pid \
        left join pg_prepared_xacts p on l.pid is null and p.transaction = ( \
            select x.transactionid from pg_locks x where x.pid is null \
                and x.locktype = 'transactionid' and x.virtualtransaction = l.virtualtransaction) \
        where l.locktype = 'relation' and l.granted and l.database = \
                (select oid from pg_database where datname = current_database()) \
            and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', \
                'AccessExclusiveLock') \
            and l.pid is distinct from pg_backend_pid() \
            and c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't' \
            and n.nspname <> 'information_schema' and left(n.nspname, 3) <> 'pg_' \
            and (n.nspname = 'ballet' or c.relowner in \
                (select nspowner from pg_namespace where nspname = 'ballet' \
                 union all select oid from pg_roles where rolname = current_user)) \
        order by 1, 2, 3";
    type Row = (String, String, String, String, String, Option<jiff_sqlx::Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(statement).fetch_all(db).await?;
    let lock = |(transaction, table, mode, holder, end, since): Row| {
        let since = since.map(jiff_sqlx::Timestamp::to_jiff);
        TableLock { transaction, table, mode, holder, end, since }
    };
    Ok(rows.into_iter().map(lock).collect())
}

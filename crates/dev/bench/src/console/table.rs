//! Fills a console's database with the entries of years.

use anyhow::Result;
use sqlx::{Connection, Executor, PgConnection};

/// Ten to a saga. One saga in ten hangs, for one of five causes.
pub(super) async fn fill(url: &str, entries: i64) -> Result<()> {
    let mut db = PgConnection::connect(url).await?;
    db.execute("set statement_timeout = 0; create table console.entry_all partition of console.entry default")
        .await?;
    for insert in [
        "insert into console.entry (place, at, kind, saga, type, service, message_id, body, size)
            select n, now() - n * interval '1 ms', 'event', md5((n / 10)::text)::uuid,
                'a.opened.v1', 'a', md5('m' || n)::uuid, '{}', 2 from generate_series(0, $1 - 1) n",
        "insert into console.saga (id, names, began, last_at, last_type, last_place,
                ended, service, step, what, since, due, is_dead, reason, detail)
            select md5(n::text)::uuid, '{saga4}', now() - n * interval '10 ms',
                now() - n * interval '10 ms', 'a.opened.v1', n,
                case when not hangs then 'completed' end, case when hangs then 'b' end,
                case when hangs then 'move' end, case when hangs then 'has not acted' end,
                case when hangs then now() - n * interval '10 ms' end, now(), hangs,
                case when hangs then 'cause ' || n / 10 % 5 end,
                case when hangs then 'no account ' || n || ' in the books' end
            from generate_series(0, $1 / 10 - 1) n, lateral (select n % 10 = 0 as hangs) as it",
        "insert into console.key (value, name, saga)
            select k || '-' || lpad(n::text, 8, '0'), k, md5(n::text)::uuid
            from generate_series(0, $1 / 10 - 1) n, unnest(array['order', 'customer']) k",
    ] {
        sqlx::query(insert).bind(entries).execute(&mut db).await?;
    }
    sqlx::query("update console.progress set next = $1").bind(entries).execute(&mut db).await?;
    db.execute("vacuum analyze").await?;
    Ok(db.close().await?)
}

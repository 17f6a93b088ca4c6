//! The framework's tables, changed by hand.

use ballet_stage::{Database, Postgres};
use ballet_store::schema::differences::differences;
use sqlx::{Connection, Executor, PgConnection};

#[tokio::test]
async fn t125_what_was_changed_by_hand_is_listed_and_additions_are_not() {
    let postgres = Postgres::shared().await.expect("a Postgres");
    let databases = Database::prepared(postgres, "schema", &["hotel"]).await.expect("a database");
    let mut db = PgConnection::connect(databases["hotel"].url()).await.expect("connected");
    let as_made = differences(&mut db).await.expect("an answer");
    assert!(as_made.is_empty(), "schema.txt is not what the migrations make: {as_made:#?}");

    // Another libc or ICU sorts otherwise, and an index of keys would miss some.
    let by_language = "select count(*) from pg_index join pg_class c on c.oid = indexrelid \
                       where c.relnamespace = 'ballet'::regnamespace \
                       and 'default'::regcollation = any (indcollation)";
    let count: i64 = sqlx::query_scalar(by_language).fetch_one(&mut db).await.expect("a count");
    assert_eq!(count, 0, "indexes of the framework in the order of a language");

    // A server that is replaced by logical replication refuses to delete their rows. Outbox tables are truncated.
    let undeletable = "select count(*) from pg_class c where relnamespace = 'ballet'::regnamespace \
                       and relkind = 'r' and relname !~ '^outbox_[0-9]+$' and relreplident <> 'f' \
                       and not exists (select from pg_index where indrelid = c.oid and indisprimary)";
    let count: i64 = sqlx::query_scalar(undeletable).fetch_one(&mut db).await.expect("a count");
    assert_eq!(count, 0, "tables of the framework without an identity of their rows");

    let by_hand = "create index mine_step on ballet.call (step); \
                   alter table ballet.call add column mine text; \
                   create table ballet.mine (id int primary key); \
                   drop index ballet.call_due; \
                   create index call_due on ballet.call (next_at) where closed_at is not null; \
                   drop index ballet.failure_first_failed_at; \
                   alter table ballet.deadline alter saga type varchar(20); \
                   alter table ballet.failure alter detail drop not null; \
                   alter table ballet.inbox_other drop constraint inbox_other_pkey; \
                   drop table ballet.outbox_dead;";
    db.execute(sqlx::raw_sql(by_hand)).await.expect("changed");
    let mut told = differences(&mut db).await.expect("an answer");
    told.retain(|line| !line.contains("outbox_dead."));
    let said = told.join("\n");
    for difference in [
        "index call_due is `",
        "WHERE (closed_at IS NOT NULL)` but should be `",
        "index failure_first_failed_at is missing: ",
        "column deadline.saga is `character varying(20) not null` but should be `text not null`",
        "column failure.detail is `text` but should be `text not null`",
        "constraint inbox_other.inbox_other_pkey is missing: PRIMARY KEY (message_id)",
        "index inbox_other_pkey is missing: ",
        "table outbox_dead is missing: ",
        "index outbox_dead_pkey is missing: ",
    ] {
        assert!(said.contains(difference), "{difference} is not in:\n{said}");
    }
    assert!(!said.contains("mine"), "{said}");
    assert_eq!(told.len(), 8, "{said}");
}

//! The commutation matrix finds the flaws of pairs of steps, and none in pairs that commute.

use std::sync::LazyLock;

use ballet::bulk::Item;
use ballet::{Does, Failure, Migration, Rows, Tx, Undoes, compensated_silently, done};
use ballet_testkit::matrix::{Cell, Known, Matrix, Verdict};
use sqlx::{PgConnection, query, query_as, query_scalar};

use crate::wish::Wish;

ballet_testkit::events! {
    Counted = "desk.counted.v1" { name: String }
    Kept = "depot.kept.v1" { name: String, total: i64 }
    Priced = "depot.priced.v1" { name: String, old: i64 }
    Added = "depot.added.v1" { name: String }
    Locked = "depot.locked.v1" { name: String }
    Named = "depot.named.v1" { name: String }
    Versioned = "depot.versioned.v1" { name: String }
    Sealed = "depot.sealed.v1" { name: String }
    Opened = "depot.opened.v1" { name: String }
    Told = "depot.told.v1" { name: String, pieces: i64 }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_depot",
    sql: "create table counter (name text primary key, total bigint not null);
        create table label (name text primary key, price bigint not null);
        create table shelf (name text primary key, pieces bigint not null check (pieces >= 0));
        create table safe (name text primary key, coins bigint not null);
        create table named (name text primary key, coins bigint not null);
        create table seal (saga_id uuid primary key);
        create table page (name text primary key, version bigint not null, words bigint not null)",
}];

#[ballet::service("depot", saga = Wish, migrations = TABLES)]
impl Depot {
    /// It reads, and then sets.
    #[retriable]
    async fn count(tx: &mut Tx<'_>, on: Counted) -> Does<Kept> {
        let read = query_scalar("select total from counter where name = $1").bind(&on.name);
        let total: i64 = read.fetch_one(tx.db()).await?;
        let set = query("update counter set total = $2 where name = $1").bind(&on.name);
        set.bind(total + 1).execute(tx.db()).await?;
        done(Kept { name: on.name, total: 0 })
    }

    /// Its undo sets what was before.
    #[compensatable(undo = price_as_before)]
    async fn price(tx: &mut Tx<'_>, on: Counted) -> Does<Priced> {
        let read = query_scalar("select price from label where name = $1 for update");
        let old: i64 = read.bind(&on.name).fetch_one(tx.db()).await?;
        let set = query("update label set price = price + 2 where name = $1").bind(&on.name);
        set.execute(tx.db()).await?;
        done(Priced { name: on.name, old })
    }

    async fn price_as_before(tx: &mut Tx<'_>, done: Priced) -> Undoes {
        let set = query("update label set price = $2 where name = $1").bind(&done.name);
        set.bind(done.old).execute(tx.db()).await?;
        compensated_silently()
    }

    /// It adds, and its undo subtracts.
    #[compensatable(undo = remove)]
    async fn add(tx: &mut Tx<'_>, on: Counted) -> Does<Added> {
        let add = query("update shelf set pieces = pieces + 1 where name = $1").bind(&on.name);
        add.execute(tx.db()).await?;
        done(Added { name: on.name })
    }

    async fn remove(tx: &mut Tx<'_>, done: Added) -> Undoes {
        let remove = query("update shelf set pieces = pieces - 1 where name = $1");
        remove.bind(&done.name).execute(tx.db()).await?;
        compensated_silently()
    }

    /// It says what another saga may take back.
    #[retriable]
    async fn tell(tx: &mut Tx<'_>, on: Counted) -> Does<Told> {
        let read = query_scalar("select pieces from shelf where name = $1").bind(&on.name);
        let pieces = read.fetch_one(tx.db()).await?;
        done(Told { name: on.name, pieces })
    }

    /// It reads and sets under a row lock.
    #[retriable]
    async fn lock(tx: &mut Tx<'_>, on: Counted) -> Does<Locked> {
        let read = query_scalar("select coins from safe where name = $1 for update");
        let coins: i64 = read.bind(&on.name).fetch_one(tx.db()).await?;
        let set = query("update safe set coins = $2 where name = $1").bind(&on.name);
        set.bind(coins + 1).execute(tx.db()).await?;
        done(Locked { name: on.name })
    }

    /// It reads and sets a row that it names.
    #[retriable(touches = named)]
    async fn name(tx: &mut Tx<'_>, on: Counted) -> Does<Named> {
        let read = query_scalar("select coins from named where name = $1").bind(&on.name);
        let coins: i64 = read.fetch_one(tx.db()).await?;
        let set = query("update named set coins = $2 where name = $1").bind(&on.name);
        set.bind(coins + 1).execute(tx.db()).await?;
        done(Named { name: on.name })
    }

    async fn named(_: &mut PgConnection, on: &[Item<&Counted>]) -> Result<Rows, Failure> {
        Ok(Rows::of("named", on.iter().map(|one| one.name.as_str())))
    }

    /// It sets only the version that it has read.
    #[retriable]
    async fn write(tx: &mut Tx<'_>, on: Counted) -> Does<Versioned> {
        let read = query_as("select version, words from page where name = $1").bind(&on.name);
        let (version, words): (i64, i64) = read.fetch_one(tx.db()).await?;
        let set =
            "update page set version = version + 1, words = $3 where name = $1 and version = $2";
        let set = query(set).bind(&on.name).bind(version).bind(words + 1).execute(tx.db()).await?;
        if set.rows_affected() == 0 {
            return Err(Failure::transient("another one has written").into());
        }
        done(Versioned { name: on.name })
    }

    #[retriable]
    async fn seal(tx: &mut Tx<'_>, on: Counted) -> Does<Sealed> {
        query("insert into seal values ($1)").bind(tx.saga_id()).execute(tx.db()).await?;
        done(Sealed { name: on.name })
    }

    /// It gives up on a seal that may come later, and locks rows in no order.
    #[retriable]
    async fn open(tx: &mut Tx<'_>, on: Counted) -> Does<Opened> {
        let seal = query("delete from seal where saga_id = $1").bind(tx.saga_id());
        if seal.execute(tx.db()).await?.rows_affected() == 0 {
            return Err(Failure::permanent("it is not sealed").into());
        }
        let lock = query("select from safe where name = any($1) for update").bind([&on.name]);
        lock.execute(tx.db()).await?;
        done(Opened { name: on.name })
    }
}

static MATRIX: LazyLock<Matrix> = LazyLock::new(|| Matrix::of(Depot::service(), &[]));

fn cell(step: &str, other: &str) -> &'static Cell {
    let mut cells = MATRIX.cells.iter();
    cells.find(|cell| cell.step == step && cell.other == other).expect("a cell")
}

#[track_caller]
fn is(step: &str, other: &str, verdict: Verdict, words: &[&str]) {
    let cell = cell(step, other);
    assert_eq!(cell.verdict, verdict, "{cell}");
    for word in words {
        assert!(cell.why.contains(word), "{cell} lacks {word}");
    }
}

#[test]
fn an_update_that_is_lost_is_shown_with_its_row_and_both_statements() {
    let words = [
        "row [\"name\"] of counter total was 10, should be 12 and is 11",
        "the step: update counter set total = $2 where name = $1",
        "the other one: update counter set total = $2 where name = $1",
    ];
    is("count", "count", Verdict::LosesUpdate, &words);
}

#[test]
fn an_undo_that_sets_what_was_before_is_shown_with_its_row_and_both_statements() {
    let words = [
        "after the undo, row [\"name\"] of label price was 10, should be 12 and is 10",
        "the step: update label set price = price + 2 where name = $1",
        "its undo: update label set price = $2 where name = $1",
        "the other one: update label set price = price + 2 where name = $1",
    ];
    is("price", "price", Verdict::CannotBeUndone, &words);
}

#[test]
fn a_step_that_says_what_is_undone_is_shown_with_what_it_says() {
    let words = [
        r#"{"name":"name","pieces":11}; after the step it is done {"name":"name","pieces":12}"#,
        "the other one: select pieces from shelf where name = $1",
    ];
    is("add", "tell", Verdict::ReadsUndone, &words);
}

#[test]
fn what_gives_up_early_or_locks_in_no_order_is_named() {
    is("open", "seal", Verdict::GivesUp, &["it is not sealed"]);
    is("open", "open", Verdict::LocksInNoOrder, &["safe where name = any($1) for update"]);
}

#[test]
fn what_is_added_commutes() {
    is("add", "add", Verdict::Commutes, &[]);
    is("add", "count", Verdict::Commutes, &[]);
}

#[test]
fn a_guard_is_named() {
    is("lock", "lock", Verdict::Guarded, &["a row lock, at `select coins from safe"]);
    is("name", "name", Verdict::Guarded, &["rows that `touches` names"]);
    is("write", "write", Verdict::Guarded, &["a version"]);
}

#[test]
fn a_flaw_fails_the_test_unless_it_is_accepted_with_a_reason() {
    let found = |known: &[Known]| {
        let checked = std::panic::AssertUnwindSafe(|| MATRIX.check(known));
        let panic = std::panic::catch_unwind(checked).expect_err("flaws");
        panic.downcast_ref::<String>().expect("words").clone()
    };
    let all = found(&[]);
    assert!(all.contains("count, with count of another saga: loses an update"), "{all}");
    assert!(all.contains("price, with price of another saga: cannot be undone"), "{all}");
    let known = [
        Known::accepted("count", "count", "an estimate"),
        Known::accepted("add", "add", "for no reason"),
    ];
    let rest = found(&known);
    assert!(!rest.contains("loses an update"), "{rest}");
    assert!(
        rest.contains("add, with add: accepted (for no reason), and nothing is found"),
        "{rest}"
    );
}

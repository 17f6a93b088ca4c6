//! Rows from the tables of a service: one of each table, for each word that its states allow.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::matrix::values::{NUMBER, SAGA, Values, filled, id_named};

/// The maximum number of rows that a table is tried with.
const MOST: usize = 30;

/// The columns of a service's own tables. A table comes after those that it refers to.
const COLUMNS: &str = r"
    with recursive own as (
        select oid, format('%I', relname) as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
            and not relispartition and relname not like '\_%'
    ), depth as (
        select oid, 0 as depth from own
        union
        select conrelid, depth + 1 from pg_constraint join depth on confrelid = depth.oid
        where contype = 'f' and conrelid <> confrelid and depth < 20
    )
    select own.name as table, attname::text as column, format_type(atttypid, null) as kind,
        not attnotnull as nullable, atthasdef as defaulted,
        array(select word[1] from pg_constraint, regexp_matches(pg_get_constraintdef(pg_constraint.oid),
                '''([^'']+)''::text', 'g') as word
            where contype = 'c' and conrelid = own.oid and conkey = array[attnum]
                and pg_get_constraintdef(pg_constraint.oid) ~ 'ANY') as words,
        (select format('select %I::text from %s limit 1', other.attname, confrelid::regclass)
            from pg_constraint join pg_attribute other on other.attrelid = confrelid and confkey = array[other.attnum]
            where contype = 'f' and conrelid = own.oid and conkey = array[a.attnum] limit 1) as refers,
        exists (select from pg_index where indrelid = own.oid and indisunique and indnkeyatts = 1
            and indkey[0] = attnum) as alone
    from own join pg_attribute a on attrelid = own.oid and attnum > 0 and not attisdropped and attgenerated = ''
    order by (select max(depth) from depth where depth.oid = own.oid), own.name, attnum";

#[derive(Debug, Clone)]
struct Column {
    table: String,
    column: String,
    kind: String,
    nullable: bool,
    defaulted: bool,
    words: Vec<String>,
    refers: Option<String>,
    /// Whether no two rows have the same value.
    alone: bool,
}

type ColumnRow = (String, String, String, bool, bool, Vec<String>, Option<String>, bool);

impl Column {
    fn of(row: ColumnRow) -> Self {
        let (table, column, kind, nullable, defaulted, mut words, refers, alone) = row;
        if kind == "boolean" {
            words = ["false", "true"].map(str::to_owned).to_vec();
        }
        Self { table, column, kind, nullable, defaulted, words, refers, alone }
    }
}

/// The rows of one table: statements with placeholders, each of which inserts one.
pub(super) type TableRows = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Default,
    Null,
    Text(String),
}

/// Reads the tables and makes rows that their constraints allow.
pub(super) async fn read(
    db: &mut PgConnection,
    values: &mut Values,
) -> Result<Vec<TableRows>, sqlx::Error> {
    let columns: Vec<ColumnRow> = sqlx::query_as(COLUMNS).fetch_all(&mut *db).await?;
    let columns: Vec<Column> = columns.into_iter().map(Column::of).collect();
    let keys = columns.iter().filter(|one| {
        let is_key = one.alone && !one.nullable && one.kind == "uuid" && one.refers.is_none();
        is_key && values.known(&one.column).is_none()
    });
    let keys: Vec<String> = keys.map(|one| one.column.clone()).collect();
    values.name_saga(keys);
    let is_saga = |column: &Column| values.known(&column.column) == Some(SAGA.into());
    let own: BTreeSet<&String> =
        columns.iter().filter(|one| is_saga(one)).map(|one| &one.table).collect();
    // What only one row may have cannot be shared by the rows of two sagas.
    let alone = columns.iter().filter(|one| {
        own.contains(&one.table)
            && one.alone
            && !one.nullable
            && one.kind == "uuid"
            && !is_saga(one)
    });
    let alone: Vec<String> = alone.map(|one| one.column.clone()).collect();
    values.own_fields.extend(alone);
    let mut tables = Vec::new();
    db.execute("begin").await?;
    for columns in columns.chunk_by(|a, b| a.table == b.table) {
        let name = columns[0].table.clone();
        let count: i64 = value(db, format!("select count(*) from {name}")).await?.unwrap_or(0);
        let rows = if count == 0 { rows(db, &name, columns, values).await? } else { Vec::new() };
        if let Some(first) = rows.first() {
            // Later tables refer to it.
            db.execute(sqlx::raw_sql(AssertSqlSafe(sample(first)))).await?;
        }
        tables.push(rows);
    }
    db.execute("rollback").await?;
    Ok(tables)
}

async fn rows(
    db: &mut PgConnection,
    table: &str,
    columns: &[Column],
    values: &Values,
) -> Result<TableRows, sqlx::Error> {
    let mut rows: TableRows = Vec::new();
    let mut states: Vec<&Column> = columns.iter().filter(|one| !one.words.is_empty()).collect();
    states.sort_by_key(|state| state.kind == "boolean");
    let words =
        states.first().map_or_else(|| vec![None], |state| state.words.iter().map(Some).collect());
    for (nulls_first, plenty) in [(true, true), (false, true), (false, false)] {
        for word in &words {
            let mut cells = Vec::with_capacity(columns.len());
            for column in columns {
                let is_state = states.first().is_some_and(|state| state.column == column.column);
                cells.push(match word {
                    Some(word) if is_state => vec![Cell::Text((*word).clone())],
                    _ => candidates(db, column, values, nulls_first, plenty).await?,
                });
            }
            let found = first_allowed(db, table, columns, &cells).await?;
            rows.extend(found.filter(|row| !rows.contains(row)));
        }
        if rows.len() >= MOST {
            break;
        }
    }
    Ok(rows)
}

/// Tries the first candidate of each column, then others of one column, and of two.
async fn first_allowed(
    db: &mut PgConnection,
    table: &str,
    columns: &[Column],
    cells: &[Vec<Cell>],
) -> Result<Option<String>, sqlx::Error> {
    let others: Vec<(usize, usize)> = cells
        .iter()
        .enumerate()
        .flat_map(|(at, cells)| (1..cells.len()).map(move |other| (at, other)))
        .collect();
    let singles = others.iter().map(|other| vec![*other]);
    let pairs = others.iter().enumerate().flat_map(|(at, one)| {
        let rest = others[at + 1..].iter().filter(|other| other.0 != one.0);
        rest.map(|other| vec![*one, *other])
    });
    for changed in std::iter::once(Vec::new()).chain(singles).chain(pairs) {
        let chosen = cells.iter().enumerate().map(|(at, cells)| {
            let other = changed.iter().find(|(column, _)| *column == at);
            &cells[other.map_or(0, |(_, other)| *other)]
        });
        let row = insert(table, columns, chosen);
        db.execute("savepoint tried").await?;
        let is_allowed = db.execute(sqlx::raw_sql(AssertSqlSafe(sample(&row)))).await.is_ok();
        db.execute("rollback to savepoint tried; release savepoint tried").await?;
        if is_allowed {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn sample(row: &str) -> String {
    filled(row, ballet::SagaId(uuid::Uuid::nil()), 10)
}

fn insert<'a>(table: &str, columns: &[Column], cells: impl Iterator<Item = &'a Cell>) -> String {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (column, cell) in columns.iter().zip(cells) {
        if let Cell::Text(text) = cell {
            names.push(format!("\"{}\"", column.column));
            values.push(format!("'{}'", text.replace('\'', "''")));
        } else if *cell == Cell::Null && column.defaulted {
            names.push(format!("\"{}\"", column.column));
            values.push("null".to_owned());
        }
    }
    format!("insert into {table} ({}) values ({})", names.join(", "), values.join(", "))
}

async fn candidates(
    db: &mut PgConnection,
    column: &Column,
    values: &Values,
    nulls_first: bool,
    plenty: bool,
) -> Result<Vec<Cell>, sqlx::Error> {
    let name = column.column.as_str();
    let known = values.known(name).filter(|known| !known.is_null());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let known = known.as_ref().map(text);
    let is_own = known.as_ref().is_some_and(|known| known.starts_with("{saga"));
    if is_own {
        return Ok(known.map(Cell::Text).into_iter().collect());
    }
    let mut texts: Vec<String> = column.words.clone();
    if let Some(refers) = &column.refers {
        texts.extend(value::<String>(db, refers.clone()).await?);
    }
    let kind = column.kind.as_str();
    match kind {
        "smallint" | "integer" | "bigint" | "numeric" => {
            // As many as there are, or as in events.
            let known = known.unwrap_or_else(|| "1".to_owned());
            let number = NUMBER.to_owned();
            texts.extend(if plenty { [number, known] } else { [known, number] });
            texts.push("0".to_owned());
        }
        "uuid" => texts.push(known.unwrap_or_else(|| id_named(name))),
        "jsonb" | "json" => texts.extend(known.into_iter().chain(["{}".into(), "[]".into()])),
        "boolean" => {}
        "bytea" => texts.push("\\x00".to_owned()),
        "double precision" | "real" => texts.push("1".to_owned()),
        _ if kind.ends_with("[]") => texts.push("{}".to_owned()),
        _ if kind.starts_with("timestamp") || kind == "date" => texts.push(values.time(name)),
        _ => texts.push(known.unwrap_or_else(|| name.to_owned())),
    }
    texts.dedup();
    let mut cells: Vec<Cell> = texts.into_iter().map(Cell::Text).collect();
    if column.nullable {
        cells.insert(if nulls_first { 0 } else { cells.len() }, Cell::Null);
    }
    if column.defaulted {
        cells.insert(0, Cell::Default);
    }
    Ok(cells)
}

async fn value<T>(db: &mut PgConnection, query: String) -> Result<Option<T>, sqlx::Error>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_optional(db).await
}

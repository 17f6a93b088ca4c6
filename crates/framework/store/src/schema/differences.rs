//! Checks that the framework's tables are still as the migrations created them.
//!
//! An index may have been dropped or a type changed by hand. Additions are fine.

use sqlx::PgConnection;

/// Every object of the framework as the migrations create it: a name and a definition. A test
/// compares the list with a database.
const EXPECTED: &str = include_str!("schema.txt");

/// Returns a description of each difference from the migrations. Empty if there is none.
pub async fn differences(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    Ok(compare(EXPECTED, &read(db).await?))
}

/// Reads tables, columns, indexes and constraints. Leaves out partitions, which come and go.
async fn read(db: &mut PgConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    // The name of a column's type depends on the search path.
    sqlx::query_as(
        "with own as (select c.oid, c.relname, c.relkind from pg_class c \
             where c.relnamespace = 'ballet'::regnamespace and not c.relispartition \
             and c.relname not like '\\_%') \
         select 'table ' || relname, case relkind when 'p' then 'partitioned by ' || \
                 pg_get_partkeydef(oid) else 'plain' end \
             from own where relkind in ('r', 'p') \
         union all select 'sequence ' || relname, 'a sequence' from own where relkind = 'S' \
         union all select 'column ' || relname || '.' || attname, \
                 format_type(atttypid, atttypmod) || case when attnotnull then ' not null' \
                 else '' end || coalesce(' default ' || pg_get_expr(adbin, adrelid), '') \
             from own join pg_attribute a on attrelid = own.oid \
             left join pg_attrdef on adrelid = own.oid and adnum = attnum \
             where relkind in ('r', 'p') and attnum > 0 and not attisdropped \
         union all select 'index ' || i.relname, pg_get_indexdef(i.oid) \
             from own join pg_index on indrelid = own.oid join pg_class i on i.oid = indexrelid \
             where not i.relispartition and indisvalid \
         union all select 'constraint ' || own.relname || '.' || conname, \
                 pg_get_constraintdef(c.oid) \
             from own join pg_constraint c on conrelid = own.oid where contype in ('p', 'u', 'c') \
         order by 1",
    )
    .fetch_all(db)
    .await
}

fn compare(expected: &str, found: &[(String, String)]) -> Vec<String> {
    let expected = expected.lines().filter_map(|line| line.split_once(": "));
    let differs = |(name, wanted): (&str, &str)| {
        let there = found.iter().find(|(found, _)| found == name);
        match there.map(|(_, is)| is.as_str()) {
            None => Some(format!("{name} is missing: {wanted}")),
            Some(is) if is != wanted => Some(format!("{name} is `{is}` but should be `{wanted}`")),
            Some(_) => None,
        }
    };
    expected.filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_another_is_told_and_additions_are_not() {
        let expected = "column call.step: text not null\nindex call_open: on (next_at)\n";
        let found = |step: &str| {
            vec![
                ("column call.step".to_owned(), step.to_owned()),
                ("index mine".to_owned(), "on (step)".to_owned()),
            ]
        };
        assert_eq!(
            compare(expected, &found("text")),
            [
                "column call.step is `text` but should be `text not null`",
                "index call_open is missing: on (next_at)"
            ]
        );
        assert_eq!(compare("column call.step: text\n", &found("text")), [""; 0]);
    }
}

//! State columns: each word that a table allows is a variant of the type that reads it, and each variant is allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::value::Error as NotRead;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use sqlx::{Connection, PgConnection};

type StateColumns = BTreeMap<String, BTreeSet<String>>;

/// The columns whose only check is a list of words.
const ALLOWED: &str = r"
    select conrelid::regclass::text || '.' || attname,
        array(select word[1] from regexp_matches(definition, '''([^'']+)''::text', 'g') as word)
    from pg_constraint
        join pg_attribute on attrelid = conrelid and conkey = array[attnum]
        cross join pg_get_constraintdef(pg_constraint.oid) as definition
    where contype = 'c' and connamespace = 'public'::regnamespace
        and definition ~ '^CHECK \(\(\w+ = ANY \(ARRAY\['";

/// Checks the state columns of a service's database. `types` names each as `table.column`, with the
/// [`variants`] of its type.
///
/// # Panics
///
/// If a column allows other words than its type has variants, or is not named.
pub async fn assert_states(database_url: &str, types: &[(&str, &[&str])]) {
    let mut db = PgConnection::connect(database_url).await.expect("the database answers");
    let allowed: Vec<(String, Vec<String>)> =
        sqlx::query_as(ALLOWED).fetch_all(&mut db).await.expect("the constraints can be read");
    db.close().await.expect("the connection closes");
    let allowed: StateColumns =
        allowed.into_iter().map(|(column, words)| (column, words.into_iter().collect())).collect();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let read: StateColumns =
        types.iter().map(|&(column, variants)| (column.to_owned(), words(variants))).collect();
    assert_eq!(allowed, read, "what the tables allow, and what the types read");
}

/// Returns the names of an enum's variants, as serde reads them.
///
/// # Panics
///
/// If the type is no enum.
#[must_use]
pub fn variants<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut variants: &[&str] = &[];
    let asked = T::deserialize(VariantReader(&mut variants));
    assert!(asked.is_err() && !variants.is_empty(), "the type is no enum");
    variants
}

/// A deserializer that keeps the names of the variants that it is asked for.
struct VariantReader<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for VariantReader<'_> {
    type Error = NotRead;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, NotRead> {
        *self.0 = variants;
        Err(NotRead::custom("only the variants are wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotRead> {
        Err(NotRead::custom("an enum is wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

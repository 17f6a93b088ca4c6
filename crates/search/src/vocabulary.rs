//! The words of all things, among which those are looked for that were meant by a misspelt one: their table, and what is asked of it.

/// Makes the table and its function: one of the service's migrations.
pub const WORDS: &str = include_str!("../../../migrations/search/0001_word.sql");

/// Adds words. In order, so that of two things with the same new words one waits for the other, and not each for the other.
pub const LEARN: &str = "insert into word select word from unnest($1::text[]) as word
    order by word collate \"C\" on conflict (word) do nothing";

/// The known words that are similar to these, each a [`Similar`](crate::Similar).
pub const SIMILAR: &str = "select typed, known from similar_words($1)";

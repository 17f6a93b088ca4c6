//! The table of the words of all things, among which a mistyped word finds what it may stand for.

/// Creates the table and its function. It is one of the service's migrations.
pub const WORDS: &str = include_str!("../../../../../migrations/search/0001_word.sql");

/// Adds words. They are sorted, so that two things with the same new words do not deadlock.
pub const LEARN: &str = "insert into word select word from unnest($1::text[]) as word
    order by word collate \"C\" on conflict (word) do nothing";

/// Returns the known words that are similar to these, each a [`SimilarWords`](crate::search::SimilarWords).
pub const SIMILAR: &str = "select typed, known from similar_words($1)";

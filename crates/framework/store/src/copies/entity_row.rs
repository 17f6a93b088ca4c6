//! One version of an entity as the tables hold it.

use uuid::Uuid;

/// One version of an entity. Without a state it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    pub id: String,
    pub version: i64,
    /// As JSON.
    pub state: Option<String>,
}

/// A page of a run in which an owner publishes all its entities again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPage {
    pub run: Uuid,
    /// The number of pages in the run, if it is the last one.
    pub pages: Option<i64>,
}

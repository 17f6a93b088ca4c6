//! Events of entities, and shared entities, without their types.

use std::marker::PhantomData;

use ballet_core::{AnyEvent, Entity, EntityEvent, EventType, Republished, Trigger, Versioned};
use uuid::Uuid;

use crate::declare::entity_row::{EntityRow, Page};
use crate::declare::erased::codec::assemble;
use crate::declare::event::Encoded;
use crate::declare::failure::Failure;
use crate::declare::json;

/// The most entities of one page, and the most bytes of their states. A single state may be bigger.
const PAGE_ENTITIES: usize = 50;
const PAGE_BYTES: usize = 64 * 1024;

/// An event that feeds a copy.
pub(crate) trait AnyFeed: Send + Sync {
    fn entity(&self) -> &'static str;
    fn event_type(&self) -> EventType;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    /// The versions that the event carries, and its page if it belongs to a run.
    fn versions(&self, event: AnyEvent) -> Result<(Vec<EntityRow>, Option<Page>), Failure>;
}

/// An event of the owner's own.
pub(crate) struct Feed<T>(PhantomData<fn(T)>);

impl<T> Feed<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: EntityEvent> AnyFeed for Feed<T> {
    fn entity(&self) -> &'static str {
        T::Entity::NAME
    }

    fn event_type(&self) -> EventType {
        T::TYPE
    }

    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        <T as Trigger>::decode(0, body)
    }

    fn versions(&self, event: AnyEvent) -> Result<(Vec<EntityRow>, Option<Page>), Failure> {
        let event = assemble::<T>(T::Entity::NAME, vec![event])?;
        Ok((vec![row(event.into_version())?], None))
    }
}

/// A page of entities that their owner publishes anew.
pub(crate) struct RepublishedFeed<E>(PhantomData<fn(E)>);

impl<E> RepublishedFeed<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: Entity> AnyFeed for RepublishedFeed<E> {
    fn entity(&self) -> &'static str {
        E::NAME
    }

    fn event_type(&self) -> EventType {
        E::REPUBLISHED
    }

    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        <Republished<E> as Trigger>::decode(0, body)
    }

    fn versions(&self, event: AnyEvent) -> Result<(Vec<EntityRow>, Option<Page>), Failure> {
        let Republished { run, pages, entities } =
            assemble::<Republished<E>>(E::NAME, vec![event])?;
        let rows = entities.into_iter().map(row).collect::<Result<_, _>>()?;
        Ok((rows, Some(Page { run, pages })))
    }
}

fn row<E: Entity>(version: Versioned<E>) -> Result<EntityRow, Failure> {
    let Versioned { id, version, state } = version;
    let encode = |state: E| {
        let json = json::encode(&state)?;
        String::from_utf8(json).map_err(|error| error.to_string())
    };
    let state = state.map(encode).transpose().map_err(|why| {
        Failure::permanent(format!("the state of {} {id:?} cannot be encoded: {why}", E::NAME))
    })?;
    Ok(EntityRow { id, version, state })
}

/// A shared entity.
pub(crate) trait AnyShare: Send + Sync {
    /// The events that publish these entities anew: at least one if they are the last of the run.
    /// `before` is the number of the run's pages so far.
    fn pages(
        &self,
        run: Uuid,
        before: i64,
        rows: Vec<EntityRow>,
        are_last: bool,
    ) -> Result<Vec<Encoded>, Failure>;
}

pub(crate) struct TypedShare<E>(PhantomData<fn(E)>);

impl<E> TypedShare<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: Entity> AnyShare for TypedShare<E> {
    fn pages(
        &self,
        run: Uuid,
        before: i64,
        rows: Vec<EntityRow>,
        are_last: bool,
    ) -> Result<Vec<Encoded>, Failure> {
        let mut pages: Vec<Vec<Versioned<E>>> = Vec::new();
        let mut bytes = 0;
        for row in rows {
            let size = row.state.as_ref().map_or(0, String::len);
            let entity = entity(row)?;
            match pages.last_mut() {
                Some(page) if page.len() < PAGE_ENTITIES && bytes + size <= PAGE_BYTES => {
                    bytes += size;
                    page.push(entity);
                }
                Some(_) | None => {
                    bytes = size;
                    pages.push(vec![entity]);
                }
            }
        }
        if pages.is_empty() && are_last {
            pages.push(Vec::new());
        }
        let last = pages.len();
        let whole = before.saturating_add(i64::try_from(last).unwrap_or(i64::MAX));
        let page = |(at, entities): (usize, Vec<Versioned<E>>)| {
            let pages = (are_last && at + 1 == last).then_some(whole);
            Encoded::of(&Republished { run, pages, entities })
        };
        pages.into_iter().enumerate().map(page).collect()
    }
}

fn entity<E: Entity>(row: EntityRow) -> Result<Versioned<E>, Failure> {
    let EntityRow { id, version, state } = row;
    let state = state.map(|state| ballet_core::json::from_slice(state.as_bytes())).transpose();
    let state = state.map_err(|error| {
        Failure::permanent(format!("the state of {} {id:?} cannot be decoded: {error}", E::NAME))
    })?;
    Ok(Versioned { id, version, state })
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Lamp {
        text: String,
    }

    impl Entity for Lamp {
        const NAME: &'static str = "lamp";
        const REPUBLISHED: EventType = EventType::plain("house.lamps_republished.v1");
        const REQUESTS: &'static [EventType] = &[];
    }

    fn rows(count: usize, length: usize) -> Vec<EntityRow> {
        let state = format!(r#"{{"text":"{}"}}"#, "a".repeat(length));
        let row = |at| EntityRow { id: format!("{at}"), version: 1, state: Some(state.clone()) };
        (0..count).map(row).collect()
    }

    fn pages(before: i64, rows: Vec<EntityRow>, are_last: bool) -> Vec<Republished<Lamp>> {
        let pages = TypedShare::<Lamp>::new().pages(Uuid::nil(), before, rows, are_last);
        let decode = |page: Encoded| serde_json::from_slice(&page.body).expect("a page");
        pages.expect("pages").into_iter().map(decode).collect()
    }

    #[test]
    fn pages_are_small_and_the_last_of_a_run_counts_them() {
        let short = pages(4, rows(120, 1), true);
        let sizes: Vec<usize> = short.iter().map(|page| page.entities.len()).collect();
        assert_eq!(sizes, [50, 50, 20]);
        assert_eq!(short.iter().map(|page| page.pages).collect::<Vec<_>>(), [None, None, Some(7)]);
        let big = pages(0, rows(3, PAGE_BYTES), false);
        assert_eq!(big.iter().map(|page| page.entities.len()).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(big.iter().all(|page| page.pages.is_none()));
    }

    #[test]
    fn a_run_without_entities_has_one_page() {
        assert_eq!(pages(0, Vec::new(), true).len(), 1);
        assert_eq!(pages(3, Vec::new(), true)[0].pages, Some(4));
        assert_eq!(pages(3, Vec::new(), false).len(), 0);
    }

    #[test]
    fn a_state_that_cannot_be_decoded_is_named() {
        let row = EntityRow { id: "hall".to_owned(), version: 1, state: Some("{}".to_owned()) };
        let failed = TypedShare::<Lamp>::new().pages(Uuid::nil(), 0, vec![row], false);
        let said = failed.expect_err("no text").to_string();
        assert!(said.contains(r#"the state of lamp "hall" cannot be decoded"#), "{said}");
    }
}

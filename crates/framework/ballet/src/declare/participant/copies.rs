//! Entities that a service shares, and copies that it keeps of others'.

use std::fmt;
use std::marker::PhantomData;

use ballet_core::{
    CopyPart, CopyRequested, Entity, EntityEvent, EventSchema, Republished, SharePart,
};

use crate::declare::erased::entities::{Feed, PageEvents, Portion, pages};
use crate::declare::handler::failure::Failure;

/// Collects the events that feed a copy. See [`Participant::copies`](crate::Participant::copies).
pub struct CopyOf<E> {
    feeds: Vec<Feed>,
    events: Vec<EventSchema>,
    entity: PhantomData<fn(E)>,
}

impl<E: Entity> CopyOf<E> {
    /// Feeds the copy with this event of the owner. A type of the reader's own, with the entity's names, keeps the part
    /// of the state that the reader uses.
    #[must_use]
    pub fn fed_by<T: EntityEvent>(mut self) -> Self
    where
        E: From<T::Entity>,
    {
        self.feeds.push(Feed::of::<T, E>());
        self.events.push(EventSchema::of::<T>());
        self
    }
}

impl<E> fmt::Debug for CopyOf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.feeds.iter().map(|feed| feed.event_type)).finish()
    }
}

#[derive(Clone)]
pub(crate) struct CopyEntry {
    pub(crate) part: CopyPart,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) events: Vec<EventSchema>,
}

impl CopyEntry {
    pub(crate) fn new<E: Entity>(
        service: &'static str,
        feeds: impl FnOnce(CopyOf<E>) -> CopyOf<E>,
    ) -> Self {
        let none = CopyOf { feeds: Vec::new(), events: Vec::new(), entity: PhantomData };
        let CopyOf { mut feeds, mut events, .. } = feeds(none);
        let part = CopyPart {
            entity: E::NAME,
            owner: E::owner(),
            fed_by: feeds.iter().map(|feed| feed.event_type).collect(),
            republished: E::REPUBLISHED,
            request: E::request_of(service),
        };
        feeds.push(Feed::republished::<E>());
        events.push(EventSchema::of::<Republished<E>>());
        events.extend(part.request.map(EventSchema::typed::<CopyRequested>));
        Self { part, feeds, events }
    }
}

#[derive(Clone)]
pub(crate) struct ShareEntry {
    pub(crate) part: SharePart,
    pub(crate) pages: fn(Portion, usize) -> Result<PageEvents, Failure>,
    pub(crate) events: Vec<EventSchema>,
}

impl ShareEntry {
    pub(crate) fn new<E: Entity>(view: &'static str) -> Self {
        let requests = E::REQUESTS.to_vec();
        let part = SharePart { entity: E::NAME, view, republished: E::REPUBLISHED, requests };
        let mut events = vec![EventSchema::of::<Republished<E>>()];
        events.extend(E::REQUESTS.iter().copied().map(EventSchema::typed::<CopyRequested>));
        Self { part, pages: pages::<E>, events }
    }
}

//! Entities that a service shares, and copies that it keeps of others'.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ballet_core::{CopyPart, Entity, EntityEvent, SharePart};

use crate::declare::erased::entities::{AnyFeed, AnyShare, Feed, RepublishedFeed, TypedShare};

/// Collects the events that feed a copy. See [`Participant::copies`](crate::Participant::copies).
pub struct CopyOf<E> {
    feeds: Vec<Arc<dyn AnyFeed>>,
    entity: PhantomData<fn(E)>,
}

impl<E: Entity> CopyOf<E> {
    /// Feeds the copy with this event of the owner.
    #[must_use]
    pub fn fed_by<T: EntityEvent<Entity = E>>(mut self) -> Self {
        self.feeds.push(Arc::new(Feed::<T>::new()));
        self
    }
}

impl<E> fmt::Debug for CopyOf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.feeds.iter().map(|feed| feed.event_type())).finish()
    }
}

/// A copy that a service keeps.
#[derive(Clone)]
pub(crate) struct CopyEntry {
    pub(crate) part: CopyPart,
    pub(crate) feeds: Vec<Arc<dyn AnyFeed>>,
}

impl CopyEntry {
    pub(crate) fn new<E: Entity>(
        service: &'static str,
        feeds: impl FnOnce(CopyOf<E>) -> CopyOf<E>,
    ) -> Self {
        let mut feeds = feeds(CopyOf { feeds: Vec::new(), entity: PhantomData }).feeds;
        let part = CopyPart {
            entity: E::NAME,
            owner: E::owner(),
            fed_by: feeds.iter().map(|feed| feed.event_type()).collect(),
            republished: E::REPUBLISHED,
            request: E::request_of(service),
        };
        feeds.push(Arc::new(RepublishedFeed::<E>::new()));
        Self { part, feeds }
    }
}

/// An entity that a service shares.
#[derive(Clone)]
pub(crate) struct ShareEntry {
    pub(crate) part: SharePart,
    pub(crate) share: Arc<dyn AnyShare>,
}

impl ShareEntry {
    pub(crate) fn new<E: Entity>(view: &'static str) -> Self {
        let requests = E::REQUESTS.to_vec();
        let part = SharePart { entity: E::NAME, view, republished: E::REPUBLISHED, requests };
        Self { part, share: Arc::new(TypedShare::<E>::new()) }
    }
}

//! Events of entities, and shared entities, without their types.

use ballet_core::{AnyEvent, Entity, EntityEvent, EventType, Republished, Trigger, Versioned};
use ballet_store::copies::entity_row::{EntityRow, RunPage};
use ballet_store::ledger::event::EncodedEvent;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::declare::erased::codec::assemble;
use crate::declare::handler::failure::Failure;

/// The maximum number of entities of a page, and of bytes of their states. One may be bigger.
const PAGE_ENTITIES: usize = 50;
const PAGE_BYTES: usize = 64 * 1024;
/// The maximum number of bytes around an id and a state: the page, and the names of its fields.
const AROUND: usize = 256;

#[derive(Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) entity: &'static str,
    pub(crate) event_type: EventType,
    pub(crate) decode: fn(&[u8]) -> Result<AnyEvent, serde_json::Error>,
    /// Finds the versions that the event carries, and its page if it belongs to a run.
    pub(crate) versions: fn(AnyEvent) -> Result<Versions, Failure>,
}

type Versions = (Vec<EntityRow>, Option<RunPage>);

impl Feed {
    /// An owner's event `T`, of which the reader keeps an `E`.
    pub(crate) fn of<T: EntityEvent, E: Entity + From<T::Entity>>() -> Self {
        let versions = |event: AnyEvent| -> Result<Versions, Failure> {
            let event = assemble::<T>(E::NAME, vec![event])?;
            let Versioned { id, version, state } = event.into_version();
            Ok((vec![row(Versioned { id, version, state: state.map(E::from) })?], None))
        };
        let decode = |body: &[u8]| <T as Trigger>::decode(0, body);
        Self { entity: E::NAME, event_type: T::TYPE, decode, versions }
    }

    pub(crate) fn republished<E: Entity>() -> Self {
        let versions = |event: AnyEvent| -> Result<Versions, Failure> {
            let Republished { run, pages, entities } =
                assemble::<Republished<E>>(E::NAME, vec![event])?;
            let rows = entities.into_iter().map(row).collect::<Result<_, _>>()?;
            Ok((rows, Some(RunPage { run, pages })))
        };
        let decode = |body: &[u8]| <Republished<E> as Trigger>::decode(0, body);
        Self { entity: E::NAME, event_type: E::REPUBLISHED, decode, versions }
    }
}

fn row<E: Entity>(version: Versioned<E>) -> Result<EntityRow, Failure> {
    let Versioned { id, version, state } = version;
    let state = state.as_ref().map(serde_json::to_string).transpose().map_err(|why| {
        Failure::permanent(format!("the state of {} {id:?} cannot be encoded: {why}", E::NAME))
    })?;
    Ok(EntityRow { id, version, state })
}

/// A state as the view gives it.
type State = Box<RawValue>;

#[derive(Debug)]
pub(crate) struct Portion {
    pub(crate) run: Uuid,
    /// The number of the run's pages so far.
    pub(crate) before: i64,
    pub(crate) rows: Vec<EntityRow>,
    /// Whether the run ends with them.
    pub(crate) are_last: bool,
}

#[derive(Debug, Default)]
pub(crate) struct PageEvents {
    /// At least one if the run ends with them.
    pub(crate) events: Vec<EncodedEvent>,
    /// The entities that no event can hold, each with the reason.
    pub(crate) left_out: Vec<String>,
}

/// The events that publish these entities again, none with a body above the limit.
pub(crate) fn pages<E: Entity>(portion: Portion, max_body: usize) -> Result<PageEvents, Failure> {
    let Portion { run, before, rows, are_last } = portion;
    let most = PAGE_BYTES.min(max_body / 2);
    let mut left_out = Vec::new();
    let mut pages: Vec<Vec<Versioned<State>>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let size = AROUND + 2 * row.id.len() + row.state.as_ref().map_or(0, String::len);
        let fits = size <= max_body;
        let entity = if fits { entity::<E>(row) } else { Err(too_big::<E>(&row, size, max_body)) };
        let entity = match entity {
            Ok(entity) => entity,
            Err(failure) => {
                left_out.push(failure.to_string());
                continue;
            }
        };
        match pages.last_mut() {
            Some(page) if page.len() < PAGE_ENTITIES && bytes + size <= most => {
                bytes += size;
                page.push(entity);
            }
            Some(_) | None => {
                bytes = size;
                pages.push(vec![entity]);
            }
        }
    }
    if are_last && pages.is_empty() {
        pages.push(Vec::new());
    }
    let number = pages.len();
    let whole = before.saturating_add(i64::try_from(number).unwrap_or(i64::MAX));
    let events = (1..).zip(pages).map(|(at, entities)| {
        // Only the last page tells how many there are.
        let pages = (are_last && at == number).then_some(whole);
        encoded::<E>(&Republished { run, pages, entities })
    });
    Ok(PageEvents { events: events.collect::<Result<_, _>>()?, left_out })
}

fn too_big<E: Entity>(row: &EntityRow, size: usize, limit: usize) -> Failure {
    let (name, id) = (E::NAME, &row.id);
    Failure::permanent(format!(
        "{name} {id:?}: its event would have {size} bytes, the limit (MAX_BODY) is {limit}"
    ))
}

/// Checks the state, and leaves it as the view gives it: the view may be of the next release, with fields that
/// this one does not know.
fn entity<E: Entity>(row: EntityRow) -> Result<Versioned<State>, Failure> {
    let EntityRow { id, version, state } = row;
    let checked = |state: String| {
        ballet_core::json::from_slice::<E>(state.as_bytes())?;
        RawValue::from_string(state)
    };
    let state = state.map(checked).transpose().map_err(|error| {
        Failure::permanent(format!("the state of {} {id:?} cannot be decoded: {error}", E::NAME))
    })?;
    Ok(Versioned { id, version, state })
}

fn encoded<E: Entity>(page: &Republished<State>) -> Result<EncodedEvent, Failure> {
    let event_type = E::REPUBLISHED;
    let body = serde_json::to_vec(page)
        .map_err(|why| Failure::permanent(format!("{event_type} cannot be encoded: {why}")))?;
    Ok(EncodedEvent { event_type, body: body.into() })
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
        let made = pages_of(before, rows, are_last);
        assert!(made.left_out.is_empty(), "{:?}", made.left_out);
        decoded(made)
    }

    fn pages_of(before: i64, rows: Vec<EntityRow>, are_last: bool) -> PageEvents {
        let portion = Portion { run: Uuid::nil(), before, rows, are_last };
        super::pages::<Lamp>(portion, 1024 * 1024).expect("pages")
    }

    fn decoded(made: PageEvents) -> Vec<Republished<Lamp>> {
        let decode = |page: EncodedEvent| serde_json::from_slice(&page.body).expect("a page");
        made.events.into_iter().map(decode).collect()
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
    fn t230_what_no_event_can_hold_is_left_out_and_named_and_the_others_are_there() {
        let mut all = rows(60, 10);
        all[3].state = Some("{}".to_owned());
        all[59].state = rows(1, 1024 * 1024)[0].state.clone();
        let made = pages_of(0, all, true);
        let [shape, size] = &made.left_out[..] else { panic!("{:?}", made.left_out) };
        assert!(shape.contains(r#"the state of lamp "3" cannot be decoded"#), "{shape}");
        assert!(size.starts_with(r#"lamp "59": its event would have"#), "{size}");
        let pages = decoded(made);
        assert_eq!(pages.iter().map(|page| page.entities.len()).sum::<usize>(), 58);
        let count = i64::try_from(pages.len()).ok();
        assert_eq!(pages.last().expect("a page").pages, count);
    }
}

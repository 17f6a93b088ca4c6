//! `ballet copies list`.

use anyhow::{Context as _, Result};
use ballet_ops::terminal::{Cell, Table};
use ballet_store::copies::state::{self as copies, CopyState, SharedEntity};
use serde_json::json;
use sqlx::Connection;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, counted, grouped};
use crate::operator::copies::selection::{CopySelection, ServiceCopy, connect, not_shared};

pub(super) async fn run(selection: &CopySelection, options: &GlobalOptions) -> Result<ExitStatus> {
    let found = selection.find(options).await?;
    let mut rows = Vec::with_capacity(found.len());
    for kept in &found {
        let owner = &kept.copy.owner;
        let mut db = connect(owner, options).await?;
        let share = copies::share(&mut db, &kept.copy.entity).await;
        rows.push((kept, share.with_context(|| format!("the database of {owner}"))?));
        db.close().await?;
    }
    let behind = |kept: &ServiceCopy, share: &Option<SharedEntity>| {
        share.as_ref().map(|share| share.versions.saturating_sub(kept.copy.versions).max(0))
    };
    let row = |(kept, share): &(&ServiceCopy, Option<SharedEntity>)| {
        let CopyState { entity, owner, entities, filled_at, .. } = &kept.copy;
        json!({
            "service": kept.service, "entity": entity, "owner": owner, "entities": entities,
            "owner_entities": share.as_ref().map(|share| share.entities),
            "events_behind": behind(kept, share),
            "filled_at": filled_at.map(|at| at.to_string()),
            "failure": share.as_ref().and_then(|share| share.failure.clone()),
        })
    };
    let now = options.clock.now();
    let cells = |(kept, share): &(&ServiceCopy, Option<SharedEntity>)| {
        let copy = &kept.copy;
        let number = |number: i64| grouped(number.unsigned_abs());
        let state = match (copy.filled_at, share.as_ref().map(|share| &share.failure)) {
            (_, None) => not_shared(copy),
            (_, Some(Some(failure))) => format!("the owner cannot publish: {failure}"),
            (Some(at), _) => format!("filled {} ago", ui::ago(Some(at), now)),
            (None, _) => match copy.pages {
                Some(pages) => format!("being filled: {} of {pages} pages", copy.seen),
                None => format!("being filled: {} pages", copy.seen),
            },
        };
        let events = behind(kept, share).map(|events| match events {
            0 => "0".to_owned(),
            events => counted(events, "event"),
        });
        [
            Cell::from(&kept.service),
            Cell::from(&copy.entity),
            Cell::from(&copy.owner),
            Cell::from(number(copy.entities)),
            Cell::from(events),
            Cell::from(state),
        ]
    };
    let header = ["service", "copies", "of", "entities", "behind", "state"];
    let table = Table::new(header).right([3]);
    ui::list(options.output, &rows, row, "no service keeps a copy", table, cells);
    Ok(ExitStatus::All)
}

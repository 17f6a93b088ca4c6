//! What there is to be seen of a run.

use std::collections::HashSet;

use ballet::core::topology::{EVENTS, RETRIES, UNROUTED, dead_queue};
use ballet_amqp::{Publish, ShortString};
use sqlx::AssertSqlSafe;

use super::seen::Seen;
use super::world::World;
use super::wrong::Checked;

/// The furthest entry of each step.
const FURTHEST: &str = "
    select distinct on (saga_id, step, key) concat_ws(' ', saga_id, nullif(step, ''), nullif(key, ''), entry)
    from (select * from ballet.ledger union all select * from ballet.ledger_other) as entry
    order by saga_id, step, key, array_position(array['arrived', 'calling', 'done', 'refused', 'undoing', 'undone', 'aborted'], entry.entry) desc";

const CALLS: &str = "
    select concat_ws(' ', saga_id, case when undo then 'undo of' end, step)
    from ballet.call";

impl World<'_> {
    /// What there is to be seen.
    pub(super) async fn seen(&mut self) -> Checked<Seen> {
        let suite = self.bench.suite;
        let mut seen = Seen { events: self.events(), astray: self.astray(), ..Seen::default() };
        for (name, query) in &suite.effects {
            seen.effects.extend(self.rows(name, query).await?);
        }
        for (name, query) in &suite.records {
            seen.records.extend(self.rows(name, query).await?);
        }
        seen.ledger = self.lines(FURTHEST.to_owned()).await?;
        seen.calls = self.lines(CALLS.to_owned()).await?;
        Ok(seen.named(&self.sagas))
    }

    async fn rows(&mut self, name: &str, query: &str) -> Checked<Vec<String>> {
        let rows = self.lines(format!("select row::text from ({query}) as row")).await?;
        Ok(rows.into_iter().map(|row| format!("{name} {row}")).collect())
    }

    async fn lines(&mut self, query: String) -> Checked<Vec<String>> {
        Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut self.db).await?)
    }

    /// What the service published, each event once.
    fn events(&self) -> Vec<String> {
        let service = self.queue();
        let mut known = HashSet::new();
        let own = |message: &Publish| {
            let (by, told) = (message.properties.app_id(), message.properties.reply_to());
            let by = by.as_ref().map(ToString::to_string);
            message.exchange == EVENTS && by.as_deref() == Some(service) && told.is_none()
        };
        let taken = self.broker.taken().into_iter().filter(own);
        taken.filter(|message| known.insert(id(message))).map(|message| line(&message)).collect()
    }

    fn astray(&self) -> Vec<String> {
        let mut astray = Vec::new();
        let dead = dead_queue(self.queue());
        let others = RETRIES.iter().map(|(name, _)| *name).chain([UNROUTED, dead.as_str()]);
        for queue in others {
            let messages = self.broker.ready(queue);
            astray.extend(messages.iter().map(|message| format!("{queue}: {}", line(message))));
        }
        astray
    }
}

pub(super) fn id(message: &Publish) -> Option<String> {
    message.properties.message_id().as_ref().map(ToString::to_string)
}

fn line(message: &Publish) -> String {
    let text = |property: &Option<ShortString>| {
        property.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let (saga, kind) = (message.properties.correlation_id(), message.properties.kind());
    format!("{} {} {}", text(saga), text(kind), String::from_utf8_lossy(&message.body))
}

//! One cell: two steps of two sagas, in either order, undone, and at once.

use ballet::SagaId;
use serde_json::Value;

use crate::matrix::cell::{
    Cell, Verdict, WrongRow, locks_in_no_order, names, statement_on, wrong_row,
};
use crate::matrix::rig::{AtOnce, Ran, Rig, Snapshot};
use crate::matrix::runner::{End, Result};
use crate::matrix::setup::{PLENTY, Setup, prepare};
use crate::matrix::values::filled;

/// The numbers in rows: plenty, enough for one, and nothing.
const NUMBERS: [i64; 3] = [PLENTY, 1, 0];

/// The saga of the step, and that of the other one.
pub(super) type Sagas = [SagaId; 2];

struct Tried {
    /// The bodies of the events of both.
    events: [Vec<String>; 2],
    before: Snapshot,
    step: Ran,
    other: Ran,
    /// The step, then the other one.
    both: Ran,
    /// The other one first.
    reversed: Ran,
}

pub(super) async fn cell(rig: &mut Rig, step: &Setup, other: &Setup, of: Sagas) -> Result<Cell> {
    let (mut verdict, mut why) = (Verdict::NotTried, "no rows fit both".to_owned());
    for number in NUMBERS {
        let found = Box::pin(tried(rig, step, other, of, number)).await?;
        if let Some((next, words)) = found.filter(|(next, _)| *next > verdict) {
            (verdict, why) = (next, words);
        }
        if verdict.is_flaw() {
            break;
        }
    }
    Ok(Cell { step: step.action.name, other: other.action.name, verdict, why })
}

type Found = Option<(Verdict, String)>;

async fn tried(
    rig: &mut Rig,
    step: &Setup,
    other: &Setup,
    of: Sagas,
    number: i64,
) -> Result<Found> {
    if !begin(rig, step, other, of, number).await? {
        return Ok(None);
    }
    let [a, b] = of;
    let (s, x) = ((step.action.work(a, number), a), (other.action.work(b, number), b));
    let before = rig.now().await?;
    let events = [(step, a), (other, b)]
        .map(|(of, saga)| of.action.bodies.iter().map(|body| filled(body, saga, number)).collect());
    let tried = Tried {
        events,
        before,
        step: rig.tried(std::slice::from_ref(&s)).await?,
        other: rig.tried(std::slice::from_ref(&x)).await?,
        both: rig.tried(&[s.clone(), x.clone()]).await?,
        reversed: rig.tried(&[x.clone(), s.clone()]).await?,
    };
    let (alone, after) = (&tried.other.ends[0], &tried.both.ends[1]);
    if !tried.step.ends[0].is_done() || matches!(alone, End::Calls(_) | End::Failed { .. }) {
        return Ok(None);
    }
    let is_same = step.action.name == other.action.name;
    if is_same {
        for answer in &step.action.answers {
            let refused = (step.action.work_with(vec![answer.clone()], a, number), a);
            let refused = rig.tried(&[refused]).await?;
            if let Some(row) = refusal_flaw(&tried, &refused) {
                let words = format!("refused, it leaves something: {row}");
                let words = with(&tried, (words, Some(row)), None);
                return Ok(Some((Verdict::CannotBeUndone, words)));
            }
        }
    }
    let mut statements = tried.step.statements.iter().flatten();
    if let Some(statement) = statements.find(|statement| is_same && locks_in_no_order(statement)) {
        return Ok(Some((Verdict::LocksInNoOrder, format!("`{statement}` needs an `order by`"))));
    }
    if step.action.is_undone {
        let undo = (step.action.undo(0), a);
        let undone = rig.tried(&[s.clone(), undo.clone()]).await?;
        let between = rig.tried(&[s.clone(), x.clone(), undo]).await?;
        let found = undo_flaw(&tried, &undone, &between, a, is_same);
        if found.is_some() {
            let undo = undone.statements.get(1);
            return Ok(found.map(|(verdict, words)| (verdict, with(&tried, words, undo))));
        }
    }
    let is_held = alone.is_done() && matches!(after, End::Refused(_));
    if let (true, End::Failed { why, later }) = (alone.is_done(), after) {
        if *later {
            return Ok(Some((Verdict::Guarded, format!("the other one is tried again: {why}"))));
        }
        let words = format!("alone the other one is {alone}, after the step it fails: {why}");
        return Ok(Some((Verdict::ReadsUndone, with(&tried, (words, None), None))));
    }
    if let Some(row) = order_flaw(&tried) {
        let words = (format!("the last one wins: {row}"), Some(row));
        return Ok(Some((Verdict::LosesUpdate, with(&tried, words, None))));
    }
    if step.action.calls {
        let asks = (step.action.work_with(Vec::new(), a, number), a);
        let meanwhile = rig.tried(&[asks, x.clone(), (step.action.answer(0), a)]).await?;
        if let Some(found) = call_flaw(&tried, &meanwhile) {
            return Ok(Some((Verdict::LosesUpdate, with(&tried, found, None))));
        }
    }
    if alone.is_done() && meets(&tried) {
        let at_once = Box::pin(rig.at_once([&s, &x])).await?;
        return Ok(Some(judged(&tried, &at_once, is_held)));
    }
    if is_held {
        return Ok(Some((Verdict::Guarded, format!("the other one is {after}"))));
    }
    Ok(alone.is_done().then_some((Verdict::Commutes, String::new())))
}

/// Begins a transaction with the rows of both. A table has the step's rows, and of the other one's those of its saga.
async fn begin(
    rig: &mut Rig,
    step: &Setup,
    other: &Setup,
    [a, b]: Sagas,
    number: i64,
) -> Result<bool> {
    let own = |row: &str| row.contains("{saga");
    let shared = |table: usize| step.rows.iter().any(|(at, row)| *at == table && !own(row));
    let theirs = other.rows.iter().filter(|(table, row)| own(row) || !shared(*table));
    let theirs = theirs.map(|(table, row)| (*table, filled(row, b, number)));
    let ours = step.rows.iter().map(|(table, row)| (*table, filled(row, a, number)));
    let mut rows: Vec<(usize, String)> = ours.chain(theirs).collect();
    rows.sort_by_key(|(table, _)| *table);
    let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(rig.begin(&rows).await?
        && prepare(rig, step, a, number).await?
        && prepare(rig, other, b, number).await?)
}

/// What an undo leaves, but for rows that name its own saga, must be what the other one alone leaves.
fn undo_flaw(
    tried: &Tried,
    undone: &Ran,
    between: &Ran,
    saga: SagaId,
    is_same: bool,
) -> Option<(Verdict, (String, Option<WrongRow>))> {
    let saga = saga.to_string();
    let not_own = |at: &(String, String), row: &Value| {
        !at.1.contains(&saga) && !row.to_string().contains(&saga)
    };
    // A row of the saga may tell how it ended. One that the step has added, and the undo has not touched, is forgotten.
    let left = wrong_row(&tried.before, &tried.before, &undone.left, |at, row| {
        let is_new = !tried.before.contains_key(at);
        not_own(at, row) || (is_new && undone.left.get(at) == tried.step.left.get(at))
    });
    if !undone.ends[1].is_done() || left.is_some() {
        // It says nothing of the other one.
        let words = match &left {
            Some(row) => format!("the undo leaves something, without any other step: {row}"),
            None => format!("the undo {}, without any other step", undone.ends[1]),
        };
        return is_same.then_some((Verdict::CannotBeUndone, (words, left)));
    }
    let (alone, after) = (&tried.other.ends[0], &between.ends[1]);
    if !between.ends[2].is_done() {
        let words = format!("after the other one, the undo {}", between.ends[2]);
        return Some((Verdict::CannotBeUndone, (words, changed_by_both(tried))));
    }
    let should = if after.is_done() { &tried.other.left } else { &tried.before };
    let wrong = |by_step: bool| {
        wrong_row(&tried.before, should, &between.left, |at, row| {
            not_own(at, row) && (tried.before.get(at) != tried.step.left.get(at)) == by_step
        })
    };
    if let Some(row) = wrong(true) {
        let words = format!("after the undo, {row}");
        return Some((Verdict::CannotBeUndone, (words, Some(row))));
    }
    // A row that only the other one writes depends on what it read.
    let row = wrong(false);
    if after.is_done() && after != alone {
        let words = format!("alone the other one is {alone}; after the step it is {after}");
        return Some((Verdict::ReadsUndone, (words, row)));
    }
    row.map(|row| (Verdict::ReadsUndone, (format!("after the undo, {row}"), Some(row))))
}

/// A row that both change, with what the other one alone leaves of it.
fn changed_by_both(tried: &Tried) -> Option<WrongRow> {
    wrong_row(&tried.before, &tried.other.left, &tried.both.left, |at, _| {
        tried.before.get(at) != tried.other.left.get(at)
            && tried.before.get(at) != tried.step.left.get(at)
    })
}

/// A refusal leaves what was there before the request.
fn refusal_flaw(tried: &Tried, refused: &Ran) -> Option<WrongRow> {
    let is_refused = matches!(refused.ends[..], [End::Refused(_)]);
    let left = || wrong_row(&tried.before, &tried.before, &refused.left, |_, _| true);
    is_refused.then(left).flatten()
}

/// What comes between a request and its answer comes before or after the step.
fn call_flaw(tried: &Tried, meanwhile: &Ran) -> Option<(String, Option<WrongRow>)> {
    if !all_done(&tried.both) || !all_done(&tried.reversed) || !meanwhile.ends[1].is_done() {
        return None;
    }
    if !meanwhile.ends[2].is_done() {
        let words = format!(
            "between the step's request and the answer; then the step {}",
            meanwhile.ends[2]
        );
        return Some((words, changed_by_both(tried)));
    }
    let row = wrong_row(&tried.before, &tried.both.left, &meanwhile.left, |at, _| {
        tried.before.get(at) != tried.step.left.get(at)
            && tried.before.get(at) != tried.other.left.get(at)
            && tried.reversed.left.get(at) != meanwhile.left.get(at)
    })?;
    Some((format!("between the step's request and the answer; then {row}"), Some(row)))
}

fn all_done(ran: &Ran) -> bool {
    ran.ends.iter().all(End::is_done)
}

/// A row that both change must be the same in either order.
fn order_flaw(tried: &Tried) -> Option<WrongRow> {
    if !all_done(&tried.both) || !all_done(&tried.reversed) {
        return None;
    }
    wrong_row(&tried.before, &tried.reversed.left, &tried.both.left, |at, _| {
        tried.before.get(at) != tried.step.left.get(at)
            && tried.before.get(at) != tried.other.left.get(at)
    })
}

/// Whether the other one has a statement on a table that the step writes.
fn meets(Tried { before, step, other, .. }: &Tried) -> bool {
    let keys = before.keys().chain(step.left.keys());
    let written = keys.filter(|at| before.get(*at) != step.left.get(*at));
    let mut tables: Vec<&String> = written.map(|(table, _)| table).collect();
    tables.dedup();
    let statements = || other.statements.iter().flatten();
    tables.iter().any(|table| statements().any(|statement| names(statement, table)))
}

/// At once, both must leave what they leave one after the other.
fn judged(tried: &Tried, at_once: &AtOnce, is_held: bool) -> (Verdict, String) {
    let [one, other] = &at_once.ends;
    let same = |ends: [&End; 2], ran: &Ran| ends == [one, other] && ran.left == at_once.left;
    let in_order = same([&tried.both.ends[0], &tried.both.ends[1]], &tried.both);
    let reversed = same([&tried.reversed.ends[1], &tried.reversed.ends[0]], &tried.reversed);
    if !in_order && !reversed {
        let row = wrong_row(&tried.before, &tried.both.left, &at_once.left, |_, _| true);
        let said = match &row {
            Some(row) => format!("at once, {row}"),
            None => {
                format!("at once, the other one is {other}; afterwards, {}", tried.both.ends[1])
            }
        };
        return (Verdict::LosesUpdate, with(tried, (said, row), None));
    }
    let waited = at_once.waited.as_deref().unwrap_or_default().to_lowercase();
    let guard = if waited.contains("pg_advisory_xact_lock") {
        "rows that `touches` names"
    } else if waited.contains("for update") || waited.contains("for no key update") {
        "a row lock"
    } else if at_once.again {
        "a version: the other one fails, and runs again"
    } else if is_held {
        "the other one is refused while the step holds"
    } else {
        return (Verdict::Commutes, String::new());
    };
    let at = if waited.is_empty() { String::new() } else { format!(", at `{waited}`") };
    (Verdict::Guarded, format!("{guard}{at}"))
}

/// Adds the rows before, and the statements with the events that they come from.
fn with(
    tried: &Tried,
    (words, row): (String, Option<WrongRow>),
    undo: Option<&Vec<String>>,
) -> String {
    let table = row.as_ref().map_or("", |row| row.table.as_str());
    let on = |statements: Option<&Vec<String>>| {
        statement_on(statements.map_or(&[], Vec::as_slice), table)
    };
    let rows = tried.before.iter().filter(|((of, _), _)| row.is_none() || *of == table);
    let rows: String = rows.map(|((of, _), row)| format!("\n    before: {of} {row}")).collect();
    let [event, other_event] = tried.events.each_ref().map(|bodies| bodies.join(" "));
    let (step, other) = (tried.step.statements.first(), tried.other.statements.first());
    let undo = undo.map_or_else(String::new, |undo| format!("\n    its undo: {}", on(Some(undo))));
    format!(
        "{words}{rows}\n    the step: {}, on {event}{undo}\n    the other one: {}, on {other_event}",
        on(step),
        on(other)
    )
}

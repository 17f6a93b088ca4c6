//! Finds rows and events with which a step is done, and does as much as it can.

use std::time::Duration;

use ballet::SagaId;
use ballet::core::part::Part;
use ballet::core::{Role, Runs};

use crate::matrix::cell::{Cell, Verdict};
use crate::matrix::rig::{Rig, Snapshot};
use crate::matrix::runner::{End, Result, Work};
use crate::matrix::tables::TableRows;
use crate::matrix::values::{Values, filled};

/// The maximum number of sets of rows that a step is tried with.
const MOST: usize = 800;
/// A step that takes longer, each time, blocks. It has some statements, each of some milliseconds.
const BLOCKS: Duration = Duration::from_secs(2);
const TIMES: usize = 3;
/// The number that is plenty.
pub(super) const PLENTY: i64 = 10;

/// A step or a projection.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) name: &'static str,
    saga: Option<&'static str>,
    /// Whether nothing of the saga comes before it.
    begins: bool,
    /// Templates.
    pub(super) bodies: Vec<String>,
    pub(super) is_undone: bool,
    /// To its request, and to that of its compensation.
    pub(super) answers: Vec<String>,
    undo_answers: Vec<String>,
    /// Whether its outcome comes from outside.
    pub(super) calls: bool,
    /// Why it cannot be tried.
    pub(super) left_out: Option<&'static str>,
}

impl Action {
    pub(super) fn work(&self, saga: SagaId, number: i64) -> Work {
        self.work_with(self.answers.clone(), saga, number)
    }

    /// Without answers, it ends with its request.
    pub(super) fn work_with(&self, answers: Vec<String>, saga: SagaId, number: i64) -> Work {
        let bodies = self.bodies.iter().map(|body| filled(body, saga, number)).collect();
        Work::Run { name: self.name, bodies, answers }
    }

    pub(super) fn answer(&self, of: usize) -> Work {
        Work::Answer { name: self.name, of, answers: self.answers.clone() }
    }

    pub(super) fn undo(&self, of: usize) -> Work {
        Work::Undo { name: self.name, of, answers: self.undo_answers.clone() }
    }
}

pub(super) fn actions(part: &Part, values: &Values, rig: &Rig) -> Vec<Action> {
    let body = |event: &str| values.body(event).to_string();
    let steps = part.sagas.iter().flat_map(|saga| saga.steps.iter().map(move |step| (saga, step)));
    let steps = steps.map(|(saga, step)| {
        let answers = rig.answers(step.name, false);
        Action {
            name: step.name,
            saga: Some(saga.saga),
            begins: step.on.iter().any(|event| event.role() == Role::StartsSaga),
            bodies: step.on.iter().map(|event| body(event.name())).collect(),
            is_undone: step.kind.can_be_compensated(),
            undo_answers: rig.answers(step.name, true),
            calls: step.runs == Runs::CallsOutside,
            left_out: match step.runs {
                _ if step.on.is_empty() => Some("a request begins it, in its own transaction"),
                Runs::CallsOutside if answers.is_empty() => Some("no answer fits its type"),
                Runs::Here | Runs::CallsOutside | Runs::StaysOpen => None,
            },
            answers,
        }
    });
    let projections = part.subscriptions.iter().map(|one| Action {
        name: one.name,
        saga: None,
        begins: false,
        bodies: vec![body(one.on.name())],
        is_undone: false,
        answers: Vec::new(),
        undo_answers: Vec::new(),
        calls: false,
        left_out: None,
    });
    steps.chain(projections).collect()
}

/// Rows, and earlier steps of the same saga, after which a step is done.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) action: Action,
    /// Templates, by the place of their tables.
    pub(super) rows: Vec<(usize, String)>,
    pub(super) before: Vec<Action>,
}

/// The choice of a row for each table.
type Choice = Vec<Option<usize>>;

/// Returns the setup with the smallest rows among those in which the step changes the most.
pub(super) async fn find(
    rig: &mut Rig,
    tables: &[TableRows],
    action: &Action,
    found: &[Setup],
    saga: SagaId,
) -> Result<std::result::Result<Setup, (Verdict, String)>> {
    if let Some(why) = action.left_out {
        return Ok(Err((Verdict::NotTried, why.to_owned())));
    }
    let earlier = found.iter().map(|setup| &setup.action);
    let earlier: Vec<Action> = earlier
        .filter(|other| other.saga.is_some() && other.saga == action.saga)
        .cloned()
        .collect();
    let mut best: Option<(usize, Choice, Vec<Action>)> = None;
    let mut why = None;
    let befores = if earlier.is_empty() { vec![earlier] } else { vec![earlier, Vec::new()] };
    for before in befores {
        for choice in choices(tables).into_iter().take(MOST) {
            let setup = setup_of(tables, action, &choice, &before);
            match changes(rig, &setup, saga).await? {
                Some(Ok(changes)) if best.as_ref().is_none_or(|(most, ..)| changes > *most) => {
                    best = Some((changes, choice, before.clone()));
                }
                Some(Err(Unfit::Blocks(took))) => return Ok(Err((Verdict::Blocks, took))),
                Some(Err(Unfit::Ends(end))) => {
                    why.get_or_insert(end.to_string());
                }
                Some(Ok(_)) | None => {}
            }
        }
    }
    let Some((changed, mut choice, before)) = best else {
        let why = why.unwrap_or_else(|| "has no rows that its tables allow".to_owned());
        let why = format!("no rows or events are found that it takes: it {why}");
        return Ok(Err((Verdict::NotTried, why)));
    };
    for at in 0..choice.len() {
        let row = choice[at].take();
        let smaller = setup_of(tables, action, &choice, &before);
        if !matches!(changes(rig, &smaller, saga).await?, Some(Ok(now)) if now == changed) {
            choice[at] = row;
        }
    }
    Ok(Ok(setup_of(tables, action, &choice, &before)))
}

fn setup_of(tables: &[TableRows], action: &Action, choice: &Choice, before: &[Action]) -> Setup {
    let rows = choice
        .iter()
        .enumerate()
        .filter_map(|(table, row)| Some((table, tables[table][(*row)?].clone())));
    Setup { action: action.clone(), rows: rows.collect(), before: before.to_vec() }
}

/// The first row of each table, or none of any, then others in one table, and in two: early ones first.
fn choices(tables: &[TableRows]) -> Vec<Choice> {
    let first: Choice = tables.iter().map(|table| (!table.is_empty()).then_some(0)).collect();
    let mut others: Vec<(usize, usize, Option<usize>)> = tables
        .iter()
        .enumerate()
        .filter(|(_, table)| !table.is_empty())
        .flat_map(|(at, table)| {
            let rows = std::iter::once(None).chain((1..table.len()).map(Some));
            rows.enumerate().map(move |(rank, other)| (rank, at, other))
        })
        .collect();
    others.sort_by_key(|(rank, ..)| *rank);
    let with = |changes: &[(usize, usize, Option<usize>)]| {
        let mut choice = first.clone();
        for (_, at, other) in changes {
            choice[*at] = *other;
        }
        choice
    };
    let mut pairs = Vec::new();
    for (place, one) in others.iter().enumerate() {
        let rest = others[place + 1..].iter().filter(|other| other.1 != one.1);
        pairs.extend(rest.map(|other| [*one, *other]));
    }
    pairs.sort_by_key(|[one, other]| one.0 + other.0);
    let mut choices = vec![first.clone(), vec![None; tables.len()]];
    choices.extend(others.iter().map(|one| with(&[*one])));
    choices.extend(pairs.iter().map(|pair| with(pair)));
    choices
}

enum Unfit {
    Ends(End),
    Blocks(String),
}

/// Returns how much the step changes, or why it does not fit; nothing if the rows do not fit.
async fn changes(
    rig: &mut Rig,
    setup: &Setup,
    saga: SagaId,
) -> Result<Option<std::result::Result<usize, Unfit>>> {
    let rows = setup.rows.iter().map(|(_, row)| filled(row, saga, PLENTY)).collect::<Vec<_>>();
    if !rig.begin(&rows).await? || !prepare(rig, setup, saga, PLENTY).await? {
        return Ok(None);
    }
    let before = rig.now().await?;
    let work = [(setup.action.work(saga, PLENTY), saga)];
    let mut ran = rig.tried(&work).await?;
    let mut took = ran.took;
    for _ in 1..TIMES {
        if took >= BLOCKS {
            ran = rig.tried(&work).await?;
            took = took.min(ran.took);
        }
    }
    if took >= BLOCKS {
        let took = format!(
            "each run takes {:.1} s at least, and meanwhile it holds its rows and its place in the lane: let a watch \
             look again, or call outside",
            took.as_secs_f64()
        );
        return Ok(Some(Err(Unfit::Blocks(took))));
    }
    let end = ran.ends.into_iter().next();
    Ok(end.map(
        |end| {
            if end.is_done() { Ok(weight(&before, &ran.left)) } else { Err(Unfit::Ends(end)) }
        },
    ))
}

/// An earlier step of the saga without which the step fails for good.
pub(super) async fn gives_up(rig: &mut Rig, setup: &Setup, saga: SagaId) -> Result<Option<Cell>> {
    for (at, other) in setup.before.iter().enumerate().filter(|(_, other)| !other.begins) {
        let mut early = setup.clone();
        early.before.remove(at);
        let end = changes(rig, &early, saga).await?;
        if let Some(Err(Unfit::Ends(End::Failed { why, later: false }))) = end {
            let why = format!("it fails for good, and that one may come later: {why}");
            let (step, other) = (setup.action.name, other.name);
            return Ok(Some(Cell { step, other, verdict: Verdict::GivesUp, why }));
        }
    }
    Ok(None)
}

/// Lets the earlier steps of the saga run.
pub(super) async fn prepare(
    rig: &mut Rig,
    setup: &Setup,
    saga: SagaId,
    number: i64,
) -> Result<bool> {
    let before = setup.before.iter().map(|action| (action.work(saga, number), saga));
    rig.prepare(&before.collect::<Vec<_>>()).await
}

/// A row that is changed counts more than one that is added.
fn weight(before: &Snapshot, after: &Snapshot) -> usize {
    let added = after.keys().filter(|at| !before.contains_key(*at)).count();
    let changed = before.iter().filter(|(at, row)| after.get(*at) != Some(*row)).count();
    3 * changed + added
}

//! A picture's boxes, each in a lane and a row.

use ballet_core::graph::Node;
use ballet_core::{EventType, Graph, StepKind};

use crate::pages::lanes::text::lines;

/// Characters of a line in a box. Names are bold, and wider.
const ROOM: usize = 15;
const NAME: usize = 13;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineStyle {
    Name,
    Kind,
    Done,
    Refused,
    Compensated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoxFrame {
    /// An event from outside of the saga.
    Event,
    Step(StepKind),
}

/// A step, or an outside event.
#[derive(Debug)]
pub(super) struct LaneBox {
    pub(super) lane: usize,
    pub(super) row: usize,
    pub(super) frame: BoxFrame,
    pub(super) lines: Vec<(LineStyle, String)>,
    pub(super) causes: Vec<usize>,
    pub(super) step: Option<&'static str>,
}

impl LaneBox {
    const fn new(
        lane: usize,
        row: usize,
        frame: BoxFrame,
        lines: Vec<(LineStyle, String)>,
    ) -> Self {
        Self { lane, row, frame, lines, causes: Vec::new(), step: None }
    }
}

/// The boxes of a picture in lanes and rows, without pixels.
#[derive(Debug)]
pub(super) struct LanePlan {
    pub(super) lanes: Vec<&'static str>,
    pub(super) boxes: Vec<LaneBox>,
    pub(super) rows: usize,
    pub(super) notes: Vec<(LineStyle, String)>,
}

/// `below` is the number of lines below those of each step.
pub(super) fn plan(graph: &Graph, saga: &str, below: usize) -> LanePlan {
    let nodes = graph.in_order(saga);
    let mut lanes: Vec<&'static str> = Vec::new();
    for node in &nodes {
        if !lanes.contains(&node.service) {
            lanes.push(node.service);
        }
    }
    let mut plan = LanePlan { lanes, boxes: Vec::new(), rows: 0, notes: notes(&nodes) };
    // That publish an event.
    let mut publish: Vec<(EventType, usize)> = Vec::new();
    let of_saga = |event| nodes.iter().any(|node| node.step.done == event);
    for node in &nodes {
        let lane = plan.lanes.iter().position(|lane| *lane == node.service).unwrap_or(0);
        for event in node.step.on.iter().filter(|event| !of_saga(**event)) {
            if publish.iter().all(|(known, _)| known != event) {
                let named = format!("{} {}", event.service(), event.event());
                let lines = styled_lines(LineStyle::Done, "", &named);
                let at = plan.add(LaneBox::new(lane, 0, BoxFrame::Event, lines));
                publish.push((*event, at));
            }
        }
        let is_cause = |(event, _): &&(EventType, usize)| node.step.on.contains(event);
        let causes: Vec<usize> = publish.iter().filter(is_cause).map(|(_, at)| *at).collect();
        let after = causes.iter().map(|at| plan.boxes[*at].row + 1).max().unwrap_or(0);
        let frame = BoxFrame::Step(node.step.kind);
        let mut lines = content(node);
        lines.extend(vec![(LineStyle::Kind, String::new()); below]);
        let step = Some(node.step.name);
        let at = plan.add(LaneBox { causes, step, ..LaneBox::new(lane, after, frame, lines) });
        publish.push((node.step.done, at));
    }
    plan
}

impl LanePlan {
    /// Adds a box to its lane, in its row or the next free one.
    fn add(&mut self, mut one: LaneBox) -> usize {
        while self.boxes.iter().any(|other| (other.lane, other.row) == (one.lane, one.row)) {
            one.row += 1;
        }
        self.rows = self.rows.max(one.row + 1);
        self.boxes.push(one);
        self.boxes.len() - 1
    }
}

fn content(node: &Node<'_>) -> Vec<(LineStyle, String)> {
    let step = node.step;
    let kind = format!("{}{}", step.kind.as_str(), step.runs.note());
    let mut all = styled_lines(LineStyle::Name, "", step.name);
    all.extend(styled_lines(LineStyle::Kind, "", &kind));
    all.extend(styled_lines(LineStyle::Done, "✓ ", step.done.event()));
    let refused = step.refused.into_iter();
    all.extend(refused.flat_map(|event| styled_lines(LineStyle::Refused, "✗ ", event.event())));
    let compensated = step.compensated.into_iter();
    all.extend(
        compensated.flat_map(|event| styled_lines(LineStyle::Compensated, "↩ ", event.event())),
    );
    all
}

fn styled_lines(style: LineStyle, mark: &str, text: &str) -> Vec<(LineStyle, String)> {
    let room = if style == LineStyle::Name { NAME } else { ROOM };
    let lines = lines(&format!("{mark}{text}"), room, &[' ', '_']).into_iter();
    lines.map(|line| (style, line)).collect()
}

fn notes(nodes: &[Node<'_>]) -> Vec<(LineStyle, String)> {
    let Some((owner, abort)) =
        nodes.iter().find_map(|node| Some((node.saga.owner, node.saga.abort?)))
    else {
        return Vec::new();
    };
    let deadline = nodes.iter().find_map(|node| node.saga.deadline);
    let deadline = deadline.map_or(String::new(), |deadline| {
        format!(", or a run that is not decided after {:#}", deadline.after)
    });
    let (event, refusal) = (abort.event(), "A refusal ✗");
    vec![
        (LineStyle::Refused, format!("{refusal}{deadline}: {owner} publishes {event}.")),
        (
            LineStyle::Compensated,
            "Then each service takes back its own steps ↩, the last one first.".to_owned(),
        ),
    ]
}

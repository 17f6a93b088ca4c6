//! The picture as SVG.

use std::fmt::{Arguments, Write};

use ballet_core::StepKind;

use crate::pages::lanes::marks::MarksOf;
use crate::pages::lanes::plan::{BoxFrame, LanePlan, LineStyle};
use crate::pages::lanes::route::{
    BOX, HEAD, LANE, LINE, PAD, RoutedLine, RoutedPlan, height, middle,
};
use crate::pages::lanes::text::{escaped, lines};

const MARGIN: usize = 8;
/// Characters of a note below each lane.
const NOTE: usize = 19;
/// The minimum width in lanes, which leaves room for the notes.
const LEAST: usize = 3;

/// Distinguishable on light and dark ground.
const COLOURS: [&str; 8] =
    ["#3b82f6", "#10b981", "#f59e0b", "#a855f7", "#06b6d4", "#ec4899", "#84cc16", "#f97316"];

const STYLE: &str = "\
.ground{fill:#fff}.lane{fill:#f4f5f7}.box{fill:#fff}text{fill:#1f2328}\
.kind{fill:#59636e}.done{fill:#1a7f37}.refused{fill:#cf222e}.compensated{fill:#9a6700}\
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.lane{fill:#161b22}.box{fill:#0d1117}\
text{fill:#e6edf3}.kind{fill:#9198a1}.done{fill:#3fb950}.refused{fill:#ff7b72}.compensated{fill:#d29922}}";

struct Picture(String);

impl Picture {
    fn add(&mut self, element: Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.0, "{element}").ok();
    }

    fn text(&mut self, (x, y): (usize, usize), style: LineStyle, anchor: &str, text: &str) {
        let (class, weight) = match style {
            LineStyle::Name => ("name", " font-weight=\"bold\""),
            LineStyle::Kind => ("kind", " font-style=\"italic\""),
            LineStyle::Done => ("done", ""),
            LineStyle::Refused => ("refused", ""),
            LineStyle::Compensated => ("compensated", ""),
        };
        let text = escaped(text);
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\" text-anchor=\"{anchor}\"{weight}>{text}</text>"
        ));
    }
}

/// Draws the picture with its own style, or with marks for a page that has a style.
pub(super) fn svg(
    plan: &LanePlan,
    routed: &RoutedPlan,
    saga: &str,
    marks: Option<MarksOf<'_>>,
) -> String {
    let lanes = plan.lanes.len().max(LEAST);
    let width = lanes * LANE;
    let notes: Vec<(LineStyle, String)> = plan
        .notes
        .iter()
        .flat_map(|(style, note)| {
            lines(note, NOTE * lanes, &[' ']).into_iter().map(|line| (*style, line))
        })
        .collect();
    let bottom = routed.bottom + MARGIN;
    let (whole, tall) = (width + 2 * MARGIN, bottom + LINE * notes.len() + 3 * MARGIN);
    let mut picture = Picture(String::new());
    let class = if marks.is_some() { " class=\"lanes\"" } else { "" };
    picture.add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"{class} viewBox=\"-{MARGIN} -{MARGIN} {whole} {tall}\" \
         width=\"{whole}\" font-family=\"system-ui,sans-serif\" font-size=\"12\" role=\"img\">"
    ));
    picture.add(format_args!("<title>{}: a lane for each service</title>", escaped(saga)));
    if marks.is_none() {
        picture.add(format_args!("<style>{STYLE}</style>"));
    }
    picture.add(format_args!(
        "<rect class=\"ground\" x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{whole}\" height=\"{tall}\"/>"
    ));
    for (at, colour) in COLOURS.iter().enumerate().take(plan.lanes.len()) {
        picture.add(format_args!(
            "<marker id=\"arrow{at}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{colour}\"/></marker>"
        ));
    }
    for (at, service) in plan.lanes.iter().enumerate() {
        let (x, wide) = (at * LANE + 2, LANE - 4);
        picture.add(format_args!(
            "<rect class=\"lane\" x=\"{x}\" y=\"0\" width=\"{wide}\" height=\"{bottom}\" rx=\"6\"/>"
        ));
        let colour = colour(at);
        picture.add(format_args!(
            "<path d=\"M{x} {HEAD}h{wide}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        ));
        picture.text((middle(at), HEAD - 12), LineStyle::Name, "middle", service);
    }
    routed.lines.iter().for_each(|line| draw_line(&mut picture, line));
    for one in &plan.boxes {
        let (x, y) = (one.lane * LANE + (LANE - BOX) / 2, routed.tops[one.row]);
        let tall = height(one.lines.len());
        let marks = marks.zip(one.step).map(|(of, step)| of(plan.lanes[one.lane], step));
        if let Some(marks) = &marks {
            picture.add(format_args!("<a href=\"{}\">", escaped(&marks.link)));
        }
        frame(&mut picture, one.frame, (x, y), tall, colour(one.lane));
        for (number, (style, text)) in one.lines.iter().enumerate() {
            let at = (x + BOX / 2, y + PAD + LINE * number + LINE - 4);
            picture.text(at, *style, "middle", text);
        }
        if let Some(marks) = &marks {
            picture.add(format_args!("{}</a>", marks.elements((x, y + tall))));
        }
    }
    for (number, (style, note)) in notes.iter().enumerate() {
        picture.text((0, bottom + MARGIN + LINE * (number + 1)), *style, "start", note);
    }
    picture.0.push_str("</svg>\n");
    picture.0
}

fn colour(lane: usize) -> &'static str {
    COLOURS[lane % COLOURS.len()]
}

fn draw_line(picture: &mut Picture, line: &RoutedLine) {
    let (colour, at) = (colour(line.lane), line.lane % COLOURS.len());
    let corners: Vec<String> = line.corners.iter().map(|(x, y)| format!("{x} {y}")).collect();
    picture.add(format_args!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" \
         stroke-linejoin=\"round\" marker-end=\"url(#arrow{at})\"/>",
        corners.join("L")
    ));
}

/// Double for the pivot, cut corners for the decision.
fn frame(
    picture: &mut Picture,
    frame: BoxFrame,
    (x, y): (usize, usize),
    tall: usize,
    colour: &str,
) {
    let round = match frame {
        BoxFrame::Event | BoxFrame::Step(StepKind::Origin | StepKind::Retriable) => 12,
        BoxFrame::Step(_) => 3,
    };
    let dashes = if frame == BoxFrame::Event { " stroke-dasharray=\"4 3\"" } else { "" };
    if frame == BoxFrame::Step(StepKind::Decision) {
        let (right, low, cut) = (x + BOX, y + tall, 8);
        picture.add(format_args!(
            "<path class=\"box\" d=\"M{} {y}H{}L{right} {}V{}L{} {low}H{}L{x} {}V{}z\" \
             stroke=\"{colour}\" stroke-width=\"2\"/>",
            x + cut,
            right - cut,
            y + cut,
            low - cut,
            right - cut,
            x + cut,
            low - cut,
            y + cut
        ));
        return;
    }
    picture.add(format_args!(
        "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{tall}\" rx=\"{round}\" \
         stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
    ));
    if frame == BoxFrame::Step(StepKind::Pivot) {
        let (x, y, wide, tall) = (x + 3, y + 3, BOX - 6, tall - 6);
        picture.add(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" fill=\"none\" \
             stroke=\"{colour}\"/>"
        ));
    }
}

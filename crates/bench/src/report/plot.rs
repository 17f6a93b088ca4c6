//! Plots of an outcome as SVG.

use std::fmt::Write;

use crate::report::outcome::{Outcome, quantile};

pub(crate) const WIDTH: f64 = 720.0;
const LEFT: f64 = 130.0;
const BAR: f64 = 26.0;
pub(crate) const TOP: f64 = 40.0;
pub(crate) const COLOURS: [&str; 5] = ["#2f6f9f", "#c0562b", "#5a8f3d", "#8a5aa8", "#7a7a7a"];

/// Bars of sagas per second, with the spread of the rounds as a line.
#[must_use]
pub fn bars(outcome: &Outcome) -> String {
    let values: Vec<(f64, f64, f64)> = outcome
        .rows
        .iter()
        .map(|row| {
            let all: Vec<f64> = row.rounds.iter().map(|figures| figures.sagas).collect();
            (quantile(&all, 0.0), quantile(&all, 0.5), quantile(&all, 1.0))
        })
        .collect();
    let most = values.iter().map(|(.., most)| *most).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 90.0) / most;
    let mut body = String::new();
    let mut y = TOP;
    for (at, (row, (low, median, high))) in outcome.rows.iter().zip(values).enumerate() {
        let (colour, middle) = (COLOURS[at % COLOURS.len()], y + BAR / 2.0);
        let (width, from, to) = (median * scale, LEFT + low * scale, LEFT + high * scale);
        text(&mut body, LEFT - 8.0, middle + 4.0, "end", &row.label);
        line(
            &mut body,
            format_args!(
                "<rect x='{LEFT}' y='{y}' width='{width:.1}' height='{BAR}' fill='{colour}'/>\
             <path d='M{from:.1} {middle}H{to:.1}' stroke='#222' stroke-width='2'/>"
            ),
        );
        text(&mut body, to + 8.0, middle + 4.0, "start", &format!("{median:.0} sagas/s"));
        y += BAR + 8.0;
    }
    page(outcome.title, y + 10.0, &body)
}

/// Lines of latency: the percentage of sagas that took at most a number of milliseconds.
#[must_use]
pub fn latencies(outcome: &Outcome) -> String {
    const HEIGHT: f64 = 260.0;
    let pooled: Vec<(&str, Vec<f64>)> = outcome
        .rows
        .iter()
        .map(|row| (&*row.label, row.rounds.iter().flat_map(|f| f.latencies.clone()).collect()))
        .collect();
    let most = pooled.iter().map(|(_, all)| quantile(all, 0.999)).fold(1.0, f64::max);
    let (x, y) = (
        |latency: f64| 50.0 + (latency.min(most) / most) * (WIDTH - 220.0),
        |share: f64| TOP + (1.0 - share) * HEIGHT,
    );
    let mut body = String::new();
    for tenth in 0..=10_u32 {
        let share = f64::from(tenth) / 10.0;
        let (from, to, at) = (x(0.0), x(most), y(share));
        line(&mut body, format_args!("<path d='M{from:.1} {at:.1}H{to:.1}' stroke='#ddd'/>"));
        text(&mut body, 44.0, at + 4.0, "end", &format!("{}", tenth * 10));
        let latency = share * most;
        text(&mut body, x(latency), TOP + HEIGHT + 18.0, "middle", &format!("{latency:.0}"));
    }
    text(&mut body, x(most), TOP + HEIGHT + 36.0, "end", "milliseconds");
    for (at, (label, all)) in pooled.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points: Vec<String> = (0..=200_u32)
            .map(|step| f64::from(step) / 200.0)
            .map(|share| format!("{:.1},{:.1}", x(quantile(all, share)), y(share)))
            .collect();
        let points = points.join(" ");
        line(
            &mut body,
            format_args!(
                "<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>"
            ),
        );
        let below = TOP + 20.0 * (1.0 + f64::from(u32::try_from(at).unwrap_or_default()));
        let (from, to, edge) = (WIDTH - 150.0, WIDTH - 130.0, below - 4.0);
        line(
            &mut body,
            format_args!("<path d='M{from} {edge}H{to}' stroke='{colour}' stroke-width='3'/>"),
        );
        text(&mut body, WIDTH - 122.0, below, "start", label);
    }
    page(outcome.title, TOP + HEIGHT + 50.0, &body)
}

pub(crate) fn page(title: &str, height: f64, body: &str) -> String {
    let mut head = String::new();
    text(&mut head, 12.0, 22.0, "start", title);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' \
         font-family='sans-serif' font-size='13'>\n\
         <rect width='100%' height='100%' fill='white'/>\n{head}{body}</svg>\n"
    )
}

pub(crate) fn text(to: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    line(to, format_args!("<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{what}</text>"));
}

pub(crate) fn line(to: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(to, "{what}").ok();
}

//! Draws the hops of a saga: a line for each message, with its parts along the time.

use std::fmt::Write;

use crate::hops::figures::{Hops, median};

const WIDTH: f64 = 720.0;
const TOP: f64 = 40.0;
const LEFT: f64 = 110.0;
const LINE: f64 = 30.0;
/// The colours of a hop's parts.
const COLOURS: [&str; 4] = ["#2f6f9f", "#c0562b", "#5a8f3d", "#8a5aa8"];

/// Draws the medians, one after the other, as an SVG.
#[must_use]
pub fn picture(of: &Hops) -> String {
    let medians = of.hops.iter().flat_map(|hop| hop.parts());
    let whole: f64 = medians.map(|(_, all)| median(all)).sum();
    let scale = (WIDTH - LEFT - 60.0) / whole.max(f64::MIN_POSITIVE);
    let (mut body, mut at, mut y) = (String::new(), 0.0, TOP);
    for hop in &of.hops {
        text(&mut body, LEFT - 8.0, y + 16.0, "end", hop.message);
        for ((_, all), colour) in hop.parts().into_iter().zip(COLOURS) {
            let (x, width) = (LEFT + at * scale, median(all) * scale);
            line(
                &mut body,
                format_args!(
                    "<rect x='{x:.1}' y='{y}' width='{width:.1}' height='22' fill='{colour}'/>"
                ),
            );
            at += median(all);
        }
        text(&mut body, LEFT + at * scale + 6.0, y + 16.0, "start", &format!("{at:.1} ms"));
        y += LINE;
    }
    let names = of.hops.first().map(|hop| hop.parts().map(|(name, _)| name));
    for ((name, colour), x) in
        names.into_iter().flatten().zip(COLOURS).zip([0.0, 170.0, 260.0, 360.0])
    {
        let left = LEFT + x;
        line(
            &mut body,
            format_args!("<rect x='{left}' y='{y}' width='14' height='14' fill='{colour}'/>"),
        );
        text(&mut body, left + 20.0, y + 12.0, "start", name);
    }
    page("A saga's hops on an idle machine: medians", y + 30.0, &body)
}

fn page(title: &str, height: f64, body: &str) -> String {
    let mut head = String::new();
    text(&mut head, 12.0, 22.0, "start", title);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' \
         font-family='sans-serif' font-size='13'>\n\
         <rect width='100%' height='100%' fill='white'/>\n{head}{body}</svg>\n"
    )
}

fn text(to: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    line(to, format_args!("<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{what}</text>"));
}

fn line(to: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(to, "{what}").ok();
}

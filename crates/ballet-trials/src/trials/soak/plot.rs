//! Draws lines over time as SVG.

use std::fmt::Write;

/// The size of a picture, and its margins.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 210.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// Okabe and Ito's colours, which people with any colour vision can tell apart, and black.
const COLOURS: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a500", "#222222"];
/// The most points of a line: more cannot be told apart.
const POINTS: usize = 300;

/// A line: its name, and its points.
pub(crate) struct PlotLine {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The title of a picture, and the names of its axes.
pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
}

/// Draws lines. The values begin at zero.
pub(crate) fn draw(axes: &Axes<'_>, lines: &[PlotLine]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let largest = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(0.0, f64::max);
    let (right, up) = (ticks(largest(|p| p.0)), ticks(largest(|p| p.1)));
    // Time ends at the last point, values end at a tick.
    let (most_x, most_y) =
        (largest(|p| p.0).max(1e-9), up.last().copied().unwrap_or(1.0).max(1e-9));
    let (bottom, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let x = |value: f64| LEFT + value / most_x * (end - LEFT);
    let y = |value: f64| bottom - value / most_y * (bottom - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut text = |at: (f64, f64), anchor: &str, style: &str, words: &str| {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        let (x, y) = at;
        // Writing to a string cannot fail.
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{style}>{words}</text>"
        )
        .ok();
    };
    text((LEFT, 18.0), "start", " font-weight=\"bold\" font-size=\"14\"", axes.title);
    text(((LEFT + end) / 2.0, HEIGHT - 6.0), "middle", "", axes.across);
    text((LEFT - 6.0, TOP - 8.0), "end", " fill=\"#555555\"", axes.up);
    for tick in &up {
        text((LEFT - 6.0, y(*tick) + 4.0), "end", "", &label(*tick));
    }
    for tick in right.iter().filter(|tick| **tick <= most_x) {
        text((x(*tick), bottom + 16.0), "middle", "", &label(*tick));
    }
    for (number, line) in lines.iter().enumerate() {
        text((end + 28.0, TOP + 10.0 + 18.0 * index(number)), "start", "", &line.name);
    }
    for tick in &up {
        let (y, colour) = (y(*tick), if *tick == 0.0 { "#888888" } else { "#dddddd" });
        writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"{colour}\"/>").ok();
    }
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let middle = TOP + 6.0 + 18.0 * index(number);
        let key = end + 8.0;
        writeln!(svg, "<path d=\"M{key} {middle}h16\" stroke=\"{colour}\" stroke-width=\"3\"/>")
            .ok();
        let step = line.points.len().div_ceil(POINTS).max(1);
        let mut path = String::new();
        for (at, (across, up)) in line.points.iter().step_by(step).enumerate() {
            let how = if at == 0 { 'M' } else { 'L' };
            write!(path, "{how}{:.1} {:.1}", x(*across), y(*up)).ok();
        }
        writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" \
             stroke-linejoin=\"round\"/>"
        )
        .ok();
    }
    svg + "</svg>\n"
}

/// About five round numbers, from zero to beyond the value.
fn ticks(most: f64) -> Vec<f64> {
    if most <= 0.0 {
        return vec![0.0, 1.0];
    }
    let power = 10_f64.powf((most / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| most / step <= 6.0).unwrap_or(power * 10.0);
    let mut ticks = vec![0.0];
    while ticks.last().is_some_and(|last| *last < most) {
        ticks.push(index(ticks.len()) * step);
    }
    ticks
}

fn label(tick: f64) -> String {
    if tick >= 10.0 || tick.fract() == 0.0 { format!("{tick:.0}") } else { format!("{tick:.2}") }
}

fn index(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_beyond_the_values() {
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        assert_eq!(ticks(4.2), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(ticks(600.0), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0]);
        assert_eq!(ticks(93.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn each_line_is_drawn_with_its_name() {
        let line = |name: &str, value: f64| PlotLine {
            name: name.to_owned(),
            points: (0..1000).map(|at| (f64::from(at), value)).collect(),
        };
        let axes = Axes { title: "<memory>", across: "days", up: "MB" };
        let svg = draw(&axes, &[line("orders", 1.0), line("payments", 50.0)]);
        assert!(
            svg.contains("&lt;memory>") && svg.contains(">orders<") && svg.contains(">payments<")
        );
        // The larger value is at the top, the smaller one close to the bottom.
        assert!(svg.contains("M62.0 34.0L") && svg.contains("M62.0 235.9L"), "{svg}");
        // A thousand points are thinned.
        assert!(svg.matches('L').count() < 2 * POINTS + 2);
    }
}

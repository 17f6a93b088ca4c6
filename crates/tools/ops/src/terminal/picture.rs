//! The lanes of a saga as an animated picture. It is an SVG without scripts and fonts, animated by its own style. Who
//! prefers reduced motion sees the end.

use std::fmt::{Arguments, Write};

use crate::terminal::lanes::MILLIS;

/// The sizes, in pixels.
const LANE: usize = 96;
const ROW: usize = 46;
const HEAD: usize = 40;
const TEXT: usize = 440;
/// The seconds before the first event, of the saga, and of its end, which stays to be read.
const BEFORE: f64 = 0.6;
const PLAYED: f64 = 6.0;
const STAYS: f64 = 4.4;
const CYCLE: f64 = BEFORE + PLAYED + STAYS;
/// The seconds for which a message is seen on its way.
const WAY: f64 = 0.5;
/// The seconds in which it appears or vanishes.
const BLINK: f64 = 0.03;

const STYLE: &str = "\
.ground{fill:#fff}.lane{stroke:#d1d9e0}text{fill:#1f2328}.note,.head{fill:#59636e}.way{stroke:#afb8c1}\
.done,.message{fill:#0969da}.ended{fill:#1a7f37}.refused,.aborted{fill:#cf222e}.compensated{fill:#9a6700}\
.undone{fill-opacity:.15}.message{opacity:0}\
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.lane{stroke:#30363d}text{fill:#e6edf3}\
.note,.head{fill:#9198a1}.way{stroke:#484f58}.done,.message{fill:#4493f8}.ended{fill:#3fb950}\
.refused,.aborted{fill:#f85149}.compensated{fill:#d29922}}";

/// A line of the lanes.
struct LaneLine<'a> {
    millis: u32,
    lane: usize,
    meaning: &'static str,
    name: &'a str,
    note: String,
}

/// Draws lanes, as the terminal has them without a limit of columns, as an animated picture.
///
/// # Errors
///
/// Lines that are no lanes, in words.
pub fn svg(lanes: &str, title: &str) -> Result<String, String> {
    let mut lines = lanes.lines();
    let mut head = lines.next().into_iter().flat_map(str::split_whitespace);
    let unit = head.next().unwrap_or_default();
    let services: Vec<&str> = head.collect();
    let events: Result<Vec<LaneLine<'_>>, String> =
        lines.map(|line| parse(line, services.len())).collect();
    let events = events?;
    let last = events.last().map_or(0, |event| event.millis);
    if last == 0 {
        return Err(format!("the lanes have no events with times:\n{lanes}"));
    }

    let (left, width) = (LANE * services.len(), LANE * services.len() + TEXT);
    let height = HEAD + ROW * events.len() + 30;
    let place = |at: usize| (events[at].lane * LANE + LANE / 2, HEAD + ROW * at + ROW / 2);
    let appears = |at: usize| BEFORE + PLAYED * f64::from(events[at].millis) / f64::from(last);
    let (mut style, mut body) = (String::new(), Picture(String::new()));
    // The marks lie on the ways between them.
    let mut marks = Picture(String::new());
    for (at, service) in services.iter().enumerate() {
        let (x, low) = (at * LANE + LANE / 2, HEAD + ROW * events.len());
        body.add(format_args!("<path class=\"lane\" d=\"M{x} {HEAD}V{low}\" stroke-width=\"2\"/>"));
        body.text("head", (x, HEAD - 14), "middle", service);
    }
    for (at, event) in events.iter().enumerate() {
        let ((x, y), now) = (place(at), percent(appears(at)));
        // Writing to a string does not fail.
        writeln!(
            style,
            "@keyframes e{at}{{0%,{now}%{{opacity:0}}{}%,98%{{opacity:1}}100%{{opacity:0}}}}",
            percent(appears(at) + 0.2)
        )
        .ok();
        writeln!(style, ".e{at}{{animation:e{at} {CYCLE}s infinite}}").ok();
        if at > 0 && events[at - 1].lane != event.lane {
            let (from, to) = (place(at - 1), (x, y));
            body.add(format_args!(
                "<path class=\"way e{at}\" d=\"M{} {}L{x} {y}\" stroke-dasharray=\"3 4\"/>",
                from.0, from.1
            ));
            body.add(format_args!("<circle class=\"message m{at}\" r=\"4\"/>"));
            style += &moving(at, from, to, appears(at));
        }
        marks.add(format_args!("<g class=\"e{at}\">"));
        let undone_by = undone_by(&events, at);
        if let Some(by) = undone_by {
            let (before, after) = (percent(appears(by)), percent(appears(by) + 0.4));
            writeln!(
                style,
                "@keyframes u{at}{{0%,{before}%{{fill-opacity:1}}{after}%,100%{{fill-opacity:.15}}}}"
            )
            .ok();
            writeln!(style, ".u{at}{{animation:u{at} {CYCLE}s infinite}}").ok();
        }
        let undone = undone_by.map_or_else(String::new, |_| format!(" undone u{at}"));
        marks.add(format_args!(
            "<path class=\"{}{undone}\" transform=\"translate({x} {y})\" d=\"{}\"/>",
            event.meaning,
            shape(event.meaning)
        ));
        let up = if event.note.is_empty() { 0 } else { 8 };
        marks.text("name", (left + 12, y + 4 - up), "start", event.name);
        if up > 0 {
            marks.text("note", (left + 12, y + 12), "start", &event.note);
        }
        marks.add(format_args!("</g>"));
    }
    let slower = (PLAYED * 1_000.0 / f64::from(last)).round();
    let says = match unit {
        MILLIS => format!("{last} ms, shown {slower} times slower"),
        _ => format!("{last} moves"),
    };
    body.text("note", (left + 12, height - 10), "start", &says);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"13\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}\n\
         @media(prefers-reduced-motion:no-preference){{\n{style}}}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n{}{}</svg>\n",
        escaped(title),
        body.0,
        marks.0
    ))
}

struct Picture(String);

impl Picture {
    fn add(&mut self, element: Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.0, "{element}").ok();
    }

    fn text(&mut self, class: &str, (x, y): (usize, usize), anchor: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Reads `20  ✗  ·  orders.card_declined  refused: no`.
fn parse(line: &str, lanes: usize) -> Result<LaneLine<'_>, String> {
    let mut words = line.split_whitespace();
    let millis = words.next().and_then(|word| word.parse().ok());
    let marks: Vec<&str> = words.by_ref().take(lanes).collect();
    let lane = marks.iter().position(|mark| *mark != "·");
    let meaning = lane.and_then(|lane| meaning(marks[lane]));
    let unreadable = || format!("this is no event in {lanes} lanes: {line}");
    Ok(LaneLine {
        millis: millis.ok_or_else(unreadable)?,
        lane: lane.ok_or_else(unreadable)?,
        meaning: meaning.ok_or_else(unreadable)?,
        name: words.next().ok_or_else(unreadable)?,
        note: words.collect::<Vec<_>>().join(" "),
    })
}

/// Returns the class of a mark, as `lanes` draws it.
fn meaning(mark: &str) -> Option<&'static str> {
    Some(match mark {
        "●" => "done",
        "✓" => "ended",
        "✗" => "refused",
        "■" => "aborted",
        "↩" => "compensated",
        _ => return None,
    })
}

/// Returns the outline of a mark, around its middle.
fn shape(meaning: &str) -> &'static str {
    match meaning {
        "ended" => "M-9 0L-6 -3L-3 1L6 -8L9 -5L-3 7z",
        "refused" => "M-8 -5L-5 -8L0 -3L5 -8L8 -5L3 0L8 5L5 8L0 3L-5 8L-8 5L-3 0z",
        "aborted" => "M-8 -8H8V8H-8z",
        "compensated" => "M-9 0L-2 -7V-3H3A6 6 0 0 1 3 9H-4V5H3A2 2 0 0 0 3 1H-2V7z",
        _ => "M-8 0A8 8 0 0 1 8 0A8 8 0 0 1 -8 0z",
    }
}

/// The event that compensates the one at this place: of the events in its lane the last is compensated first.
fn undone_by(events: &[LaneLine<'_>], at: usize) -> Option<usize> {
    let mut open = 0;
    if events[at].meaning != "done" {
        return None;
    }
    for (later, event) in events.iter().enumerate().skip(at + 1) {
        match event.meaning {
            _ if event.lane != events[at].lane => {}
            "done" => open += 1,
            "compensated" if open == 0 => return Some(later),
            "compensated" => open -= 1,
            _ => {}
        }
    }
    None
}

/// Returns the style of a message on its way to the mark where it causes the next event.
fn moving(at: usize, from: (usize, usize), to: (usize, usize), arrives: f64) -> String {
    let (leaves, after_leaving) = (percent(arrives - WAY), percent(arrives - WAY + BLINK));
    let (arrives, after_arriving) = (percent(arrives), percent(arrives + BLINK));
    let place = |(x, y): (usize, usize)| format!("transform:translate({x}px,{y}px)");
    let (from, to) = (place(from), place(to));
    format!(
        "@keyframes m{at}{{0%,{leaves}%{{opacity:0;{from}}}{after_leaving}%{{opacity:1;{from}}}\
         {arrives}%{{opacity:1;{to}}}{after_arriving}%,100%{{opacity:0;{to}}}}}\n\
         .m{at}{{animation:m{at} {CYCLE}s infinite}}\n"
    )
}

/// The share of the cycle at this second.
fn percent(second: f64) -> String {
    format!("{:.1}", 100.0 * second / CYCLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: &str = "\
     ms  orders  hall
      0  ●       ·     orders.order_placed
     11  ·       ●     hall.seats_held
     20  ✗       ·     orders.card_declined  refused: 2 < 3
     27  ■       ·     orders.order_cancelled  aborted
     35  ·       ↩     hall.seats_freed  compensated
";
    const TITLE: &str = "A & B";

    #[test]
    fn every_event_appears_in_its_lane_and_what_is_compensated_fades() {
        let picture = svg(LANES, TITLE).expect("a picture");
        for at in 0..5 {
            assert_eq!(picture.matches(&format!("<g class=\"e{at}\">")).count(), 1, "{at}");
        }
        assert!(
            picture.contains(
                "<text class=\"note\" x=\"204\" y=\"167\" text-anchor=\"start\">refused: 2 &lt; 3<"
            ),
            "{picture}"
        );
        // The seats were held, and are not; the order stays placed.
        assert_eq!(picture.matches(" undone ").count(), 1, "{picture}");
        assert!(
            picture.contains("<path class=\"done undone u1\" transform=\"translate(144 109)\""),
            "{picture}"
        );
        assert!(picture.contains("35 ms, shown 171 times slower"), "{picture}");
        assert_eq!(picture.matches("<circle class=\"message").count(), 3, "{picture}");
    }

    #[test]
    fn moves_have_no_time() {
        let picture = svg(&LANES.replace("ms  orders", "move  orders"), TITLE).expect("a picture");
        assert!(
            picture.contains(">35 moves<") && picture.contains("<title>A &amp; B</title>"),
            "{picture}"
        );
    }

    #[test]
    fn nothing_moves_for_who_prefers_that_and_nothing_is_loaded() {
        let picture = svg(LANES, TITLE).expect("a picture");
        let (still, moving) =
            picture.split_once("@media(prefers-reduced-motion:no-preference){").expect("a rule");
        let (moving, rest) = moving.split_once("}</style>").expect("its end");
        assert!(!still.contains("animation") && !rest.contains("animation"), "{picture}");
        assert_eq!(moving.matches("@keyframes").count(), moving.matches("animation:").count());
        assert!(!picture.contains("<script") && picture.matches("http").count() == 1, "{picture}");
    }

    #[test]
    fn lanes_that_cannot_be_read_are_an_error() {
        for wrong in
            ["     ms  orders\n", "  ms  orders\n  0  ●\n", "  ms  orders\n  0  ?  orders.x\n"]
        {
            assert!(svg(wrong, TITLE).is_err(), "{wrong}");
        }
    }
}

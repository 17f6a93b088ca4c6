//! A saga's hops as a picture: one line a message, each part where it is in time.

use crate::hops::figures::{Hops, median};
use crate::report::plot::{self, COLOURS};

const LEFT: f64 = 110.0;
const LINE: f64 = 30.0;

/// The medians, one after the other.
#[must_use]
pub fn picture(of: &Hops) -> String {
    let medians = of.hops.iter().flat_map(|hop| hop.parts());
    let whole: f64 = medians.map(|(_, all)| median(all)).sum();
    let scale = (plot::WIDTH - LEFT - 60.0) / whole.max(f64::MIN_POSITIVE);
    let (mut body, mut at, mut y) = (String::new(), 0.0, plot::TOP);
    for hop in &of.hops {
        plot::text(&mut body, LEFT - 8.0, y + 16.0, "end", hop.message);
        for ((_, all), colour) in hop.parts().into_iter().zip(COLOURS) {
            let (x, width) = (LEFT + at * scale, median(all) * scale);
            plot::line(
                &mut body,
                format_args!(
                    "<rect x='{x:.1}' y='{y}' width='{width:.1}' height='22' fill='{colour}'/>"
                ),
            );
            at += median(all);
        }
        plot::text(&mut body, LEFT + at * scale + 6.0, y + 16.0, "start", &format!("{at:.1} ms"));
        y += LINE;
    }
    let names = of.hops.first().map(|hop| hop.parts().map(|(name, _)| name));
    for ((name, colour), x) in
        names.into_iter().flatten().zip(COLOURS).zip([0.0, 170.0, 260.0, 360.0])
    {
        let left = LEFT + x;
        plot::line(
            &mut body,
            format_args!("<rect x='{left}' y='{y}' width='14' height='14' fill='{colour}'/>"),
        );
        plot::text(&mut body, left + 20.0, y + 12.0, "start", name);
    }
    plot::page("A saga's hops on an idle machine: medians", y + 30.0, &body)
}

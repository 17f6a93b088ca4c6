//! The last hour, minute by minute: the number of events, and a slider to choose a minute.

use ballet_ops::words::grouped;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::pages::words::exact;
use crate::store::flow::minute;

/// The minutes of the slider.
pub(crate) const MINUTES: i64 = 60;

/// Shows the slider, and the events of each minute as a picture. `chosen` is the minute that is shown.
pub(crate) fn hour(
    events: &[(Timestamp, i64)],
    chosen: Option<Timestamp>,
    now: Timestamp,
) -> Markup {
    let (this, most) =
        (minute(now), events.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1));
    let back = |at: Timestamp| (this.duration_since(minute(at)).as_mins()).clamp(0, MINUTES);
    let shown = chosen.map_or(0, back);
    let total: i64 = events.iter().map(|(_, count)| count).sum();
    html! {
        form.hour method="get" action="/" {
            svg viewBox="0 0 61 12" preserveAspectRatio="none" role="img"
                aria-label={ (grouped(total)) " events in the last hour, at most " (grouped(most)) " in a minute" } {
                @for (at, count) in events {
                    rect.chosen[chosen.is_some() && back(*at) == shown] x=(MINUTES - back(*at)) y=(12 - (count * 12 / most).max(1))
                        width="0.8" height=((count * 12 / most).max(1)) {}
                }
            }
            // Its values grow to the right, towards now.
            label { "How it was, up to an hour ago"
                input type="range" name="minute" min=(-MINUTES) max="0" step="1" value=(-shown);
            }
            div.ways {
                button type="submit" { "Look" }
                @if let Some(chosen) = chosen {
                    @if shown < MINUTES { a href=(address(chosen, -1)) rel="prev" { "← a minute before" } }
                    @if shown > 1 { a href=(address(chosen, 1)) rel="next" { "a minute after →" } }
                    a href="/" { "to now" }
                } @else { a href=(address(this, -1)) rel="prev" { "← a minute before" } }
            }
        }
        @if let Some(chosen) = chosen {
            p.past role="status" { "As it was at " time datetime=(chosen) title=(exact(chosen)) { (chosen.strftime("%H:%M UTC")) }
                ", " (shown) " min ago. It does not go on by itself." }
        }
    }
}

/// Returns the address of another minute.
fn address(from: Timestamp, minutes: i64) -> String {
    let at = from.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(from);
    format!("/?at={}", minute(at))
}

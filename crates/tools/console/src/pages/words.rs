//! Times, ids and states in all pages' format.

use ballet_ops::sagas::SagaState;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use uuid::Uuid;

/// Not everybody can tell the colours apart.
pub(crate) const fn sign(state: SagaState) -> &'static str {
    match state {
        SagaState::Stuck => "■",
        SagaState::Blocked => "◆",
        SagaState::Waiting => "●",
        SagaState::Completed => "✓",
        SagaState::Aborted => "↩",
    }
}

pub(crate) fn state(state: SagaState) -> Markup {
    html! { span.state.(state.as_str()) { span aria-hidden="true" { (sign(state)) } " " (state) } }
}

pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (span(now.duration_since(at))) " ago" } }
}

/// Past or future.
pub(crate) fn since(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (span(now.duration_since(at))) } }
}

/// Returns a time to the millisecond, by the services' clocks.
pub(crate) fn exact(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(crate) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0 if duration.as_millis() > 0 => format!("{} ms", duration.as_millis()),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The last digits distinguish it; the first are its time.
pub(crate) fn saga(id: Uuid) -> Markup {
    let text = id.to_string();
    let (first, last) = text.split_at(24);
    html! { a.id href={ "/sagas/" (id) } title=(id) { span.first { (first) } (last) } }
}

pub(crate) fn event(name: &str) -> Markup {
    let mut parts = name.splitn(3, '.');
    let whole = (parts.next(), parts.next(), parts.next());
    let (Some(service), Some(event), Some(version)) = whole else {
        return html! { code.event dir="auto" { (name) } };
    };
    html! {
        code.event title=(name) { span.quiet { (service) "." } (event) span.quiet { "." (version) } }
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

/// Returns an address with those of the fields that are not empty.
pub(crate) fn address(path: &str, fields: &[(&str, &str)]) -> String {
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("{path}?{}", given.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_numbers_are_short() {
        assert_eq!(span(SignedDuration::from_millis(40)), "40 ms");
        assert_eq!(span(SignedDuration::from_secs(119)), "119 s");
        assert_eq!(span(SignedDuration::from_secs(7_199)), "119 min");
        assert_eq!(span(SignedDuration::from_secs(-5)), "0 s");
    }
}

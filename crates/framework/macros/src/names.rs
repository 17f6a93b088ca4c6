//! The names on the wire. `ballet-core` checks them, too; here all of them are reported at once, and by `cargo check`.

use syn::LitStr;

use crate::words::Mistakes;

/// Checks that a name is `<service>.<what>.v<major>`. The name stands in any case.
pub(crate) fn check(name: &LitStr, text: &str, mistakes: &mut Mistakes) {
    let value = name.value();
    let parts: Vec<&str> = value.split('.').collect();
    let is_word = |word: &str| {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !word.is_empty() && word.bytes().all(known) && !word.as_bytes()[0].is_ascii_digit()
    };
    let is_version = |version: &str| {
        let number = version.strip_prefix('v').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    let is_sound = matches!(parts[..], [service, what, version]
        if is_word(service) && is_word(what) && is_version(version));
    if !is_sound {
        mistakes.at(name, text);
    }
}

/// What the name of an event is.
pub(crate) const OF_EVENT: &str = "an event's name is `<service>.<past_tense_event>.v<major>`, lower case with \
    underscores, for instance `orders.order_placed.v1`";
/// What the name of telemetry is.
pub(crate) const OF_TELEMETRY: &str = "the name of telemetry is `<service>.<what>.v<major>`, lower case with \
    underscores, for instance `playback.heartbeat.v1`";

//! Which texts are a trace context (W3C Trace Context and Baggage). Any other text is dropped, because
//! it is copied into every event that follows.

const LONGEST_TRACESTATE: usize = 512;
const MOST_MEMBERS: usize = 32;
const LONGEST_BAGGAGE: usize = 8192;

/// Whether a text is a `traceparent` (`00-<32 hex>-<16 hex>-<2 hex>`).
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    text.len() == 55
        && text.bytes().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text is a `tracestate` of at most 512 bytes.
#[must_use]
pub fn is_tracestate(text: &str) -> bool {
    text.len() <= LONGEST_TRACESTATE
        && text.split(',').count() <= MOST_MEMBERS
        && is_a_list_of_pairs(text)
}

/// Whether a text is a `baggage` of at most 8192 bytes.
#[must_use]
pub fn is_baggage(text: &str) -> bool {
    text.len() <= LONGEST_BAGGAGE && is_a_list_of_pairs(text)
}

/// Whether a text is `key=value` pairs with commas between them, in printable ASCII. Empty members
/// are allowed beside others.
fn is_a_list_of_pairs(text: &str) -> bool {
    let mut members = text.split(',').map(str::trim).filter(|member| !member.is_empty()).peekable();
    members.peek().is_some()
        && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && members.all(|member| member.find('=').is_some_and(|at| at > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_pairs_are_taken_and_nothing_else() {
        let (long, longer) =
            ("k=".to_owned() + &"v".repeat(510), "k=".to_owned() + &"v".repeat(511));
        for text in ["a=1", "a=1,b=2", " a=1 , ,b=2;p", "a=", "k@v=x y", &long] {
            assert!(is_tracestate(text) && is_baggage(text), "{text}");
        }
        for text in ["", " ", ",", "a", "=1", "a=1,b", "a=\u{e4}", "a=1\nb=2", "a=\0"] {
            assert!(!is_tracestate(text) && !is_baggage(text), "{text:?}");
        }
        assert!(!is_tracestate(&longer) && is_baggage(&longer));
        assert!(!is_tracestate(&["a=1"; 33].join(",")));
        assert!(is_baggage(&("k=".to_owned() + &"v".repeat(8190))));
        assert!(!is_baggage(&("k=".to_owned() + &"v".repeat(8191))));
    }
}

//! Paths that mean the same to the gateway and every service, and patterns.

/// Returns why a path may not be passed on.
///
/// Services may read some paths differently, which would lead around the routes: dot segments, empty segments,
/// backslashes, encoded slashes, and what needs no encoding (RFC 3986, 2.3).
pub(crate) fn fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("the path does not begin with a slash");
    }
    if path.bytes().any(|byte| !(0x21..0x7f).contains(&byte) || byte == b'\\') {
        return Some("the path has a character that must be percent-encoded");
    }
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('%') {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            None => return Some("the path has a `%` without two hex digits"),
            Some(b'/' | b'\\' | b'.' | b'%') => {
                return Some("the path has an encoded slash, dot, backslash or percent sign");
            }
            Some(0..0x20 | 0x7f) => return Some("the path has an encoded control character"),
            Some(code) if is_unreserved(code) => {
                return Some("the path has a character encoded that must not be: send it as it is");
            }
            Some(_) => rest = after,
        }
    }
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let name = name(segment);
        if matches!(name, "." | "..") {
            return Some("the path has a dot segment");
        }
        if name.is_empty() && segments.peek().is_some() {
            return Some("the path has an empty segment");
        }
    }
    None
}

/// RFC 3986, 2.3.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Returns a segment without its matrix parameters: `..;a=b` is `..` to some servers.
fn name(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// The rest of a path, empty or beginning with a slash, or `None`. Some services ignore case, so another case must not
/// lead around a longer prefix.
pub(crate) fn behind<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = path;
    for segment in prefix.split('/').skip(1).filter(|segment| !segment.is_empty()) {
        let given = rest.strip_prefix('/')?;
        let end = given.find('/').unwrap_or(given.len());
        if !name(&given[..end]).eq_ignore_ascii_case(segment) {
            return None;
        }
        rest = &given[end..];
    }
    Some(rest)
}

/// Whether a path is this prefix, or continues it after a slash.
pub(crate) fn begins_with(path: &str, prefix: &str) -> bool {
    behind(path, prefix).is_some()
}

#[derive(Debug, Clone, PartialEq)]
enum PatternSegment {
    Literal(String),
    Parameter(String),
}

/// With parameters: `/products/{sku}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathPattern(Vec<PatternSegment>);

impl PathPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!("expected a path like \"/products/{{sku}}\", found {text:?}: {why}"))
        };
        if let Some(why) = fault(text) {
            return wrong(why);
        }
        let mut segments = Vec::new();
        for segment in text[1..].split('/') {
            let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match inner {
                Some(name) if name.is_empty() || name.contains(['{', '}']) => {
                    return wrong("a parameter needs a name");
                }
                Some(name) => segments.push(PatternSegment::Parameter(name.to_owned())),
                None if segment.contains(['{', '}', '?', '#']) => {
                    return wrong("a segment is either text or a parameter");
                }
                None => segments.push(PatternSegment::Literal(segment.to_owned())),
            }
        }
        Ok(Self(segments))
    }

    /// The parameters' values, still percent-encoded.
    pub(crate) fn matches<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut values = Vec::new();
        let mut given = path.strip_prefix('/')?.split('/');
        for segment in &self.0 {
            match (segment, given.next()?) {
                (PatternSegment::Literal(text), given) if text == given => {}
                (PatternSegment::Literal(_), _) | (PatternSegment::Parameter(_), "") => {
                    return None;
                }
                (PatternSegment::Parameter(name), given) => values.push((name.as_str(), given)),
            }
        }
        given.next().is_none().then_some(values)
    }

    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        let value = |name: &str| {
            let found = values.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| *value)
        };
        self.0.iter().fold(String::new(), |path, segment| match segment {
            PatternSegment::Literal(text) => path + "/" + text,
            PatternSegment::Parameter(name) => path + "/" + value(name),
        })
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            PatternSegment::Parameter(name) => Some(name.as_str()),
            PatternSegment::Literal(_) => None,
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameters().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_others_may_read_differently_is_refused() {
        for path in ["/", "/orders", "/orders/7", "/orders/", "/a;v=1/b", "/caf%C3%A9", "/a.b/..c"]
        {
            assert_eq!(fault(path), None, "{path}");
        }
        for path in [
            "*",
            "",
            "/a/../b",
            "/a/./b",
            "/..",
            "/a/%2e%2e/b",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "//a",
            "/a//b",
            "/a%00",
            "/a%0d%0ab",
            "/a%2",
            "/a%zz",
            "/..;x=1/admin",
            "/a%252e",
            "/caf\u{e9}",
            "/%61dmin",
            "/a%7Eb",
            "/;x/admin",
        ] {
            assert!(fault(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_pattern_takes_and_gives_parameters() {
        let pattern = PathPattern::parse("/pages/product/{sku}").unwrap();
        let path = "/pages/product/A%20b";
        let values = pattern.matches(path).unwrap();
        assert_eq!(values, [("sku", "A%20b")]);
        assert_eq!(
            PathPattern::parse("/products/{sku}/x").unwrap().fill(&values),
            "/products/A%20b/x"
        );
        for other in ["/pages/product", "/pages/product/", "/pages/product/a/b", "/x/product/a"] {
            assert_eq!(pattern.matches(other), None, "{other}");
        }
        assert!(PathPattern::parse("/a/{b").is_err() && PathPattern::parse("/a/{}").is_err());
    }
}

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

/// With parameters: `/products/{sku}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathPattern(String);

/// The name in a segment that is a parameter, else `None`.
pub(crate) fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

impl PathPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let is_nameless = |name: &str| name.is_empty() || name.contains(['{', '}']);
        let why = fault(text).or_else(|| {
            text.split('/').find_map(|segment| match parameter(segment) {
                Some(name) => is_nameless(name).then_some("a parameter needs a name"),
                None => segment
                    .contains(['{', '}', '?', '#'])
                    .then_some("a segment is either text or a parameter"),
            })
        });
        let wrong =
            |why| format!("expected a path like \"/products/{{sku}}\", found {text:?}: {why}");
        why.map_or_else(|| Ok(Self(text.to_owned())), |why| Err(wrong(why)))
    }

    /// The parameters' values, still percent-encoded.
    pub(crate) fn matches<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let (mut own, mut given, mut values) = (self.0.split('/'), path.split('/'), Vec::new());
        loop {
            match (own.next(), given.next()) {
                (None, None) => return Some(values),
                (Some(own), Some(given)) => match parameter(own) {
                    Some(name) if !given.is_empty() => values.push((name, given)),
                    None if own == given => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        let value = |name: &str| {
            let found = values.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| *value)
        };
        let filled = self.0.split('/').map(|segment| parameter(segment).map_or(segment, value));
        filled.collect::<Vec<_>>().join("/")
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter_map(parameter)
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

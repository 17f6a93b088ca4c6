//! URLs as people may see them.

/// A URL without its password, and without the values in its query, which may be passwords too. Of
/// several with commas between them, each is masked.
#[must_use]
pub fn masked(urls: &str) -> String {
    // A comma belongs to the URL in which it stands, unless another URL begins behind it.
    let mut each: Vec<String> = Vec::new();
    for piece in urls.split(',') {
        match each.last_mut() {
            Some(url) if !piece.contains("://") => {
                url.push(',');
                url.push_str(piece);
            }
            Some(_) | None => each.push(piece.to_owned()),
        }
    }
    each.iter().map(|url| masked_url(url)).collect::<Vec<_>>().join(",")
}

fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    if query.is_some_and(|query| query.contains('@')) {
        // The question mark may be part of the password.
        return format!("{scheme}://***");
    }
    // So may an `@` or a slash: the last `@` ends the user's part.
    let shown = match rest.rfind('@') {
        Some(at) => {
            let user = rest[..at].split([':', '/']).next().unwrap_or_default();
            format!("{user}:***{}", &rest[at..])
        }
        None => rest.to_owned(),
    };
    let query: String = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| {
            pair.split_once('=').map_or("***".to_owned(), |(name, _)| format!("{name}=***"))
        })
        .collect::<Vec<_>>()
        .join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{shown}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_url_has_no_password() {
        for (url, shown) in [
            ("amqp://orders:se@cret@host:5672/shop", "amqp://orders:***@host:5672/shop"),
            ("amqp://u:secret@a/s,amqp://u:secret@b/s", "amqp://u:***@a/s,amqp://u:***@b/s"),
            ("amqp://u:sec,ret@a,b/s", "amqp://u:***@a,b/s"),
            ("amqp://u:sec/ret@a/s?heartbeat=5", "amqp://u:***@a/s?heartbeat=***"),
            ("amqp://u:sec?ret@a/s", "amqp://***"),
            ("postgres://host/db", "postgres://host/db"),
            (
                "postgres://host/db?user=u&password=secret",
                "postgres://host/db?user=***&password=***",
            ),
            ("postgres://host/db?password=sec@ret", "postgres://***"),
            ("secret", "***"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}

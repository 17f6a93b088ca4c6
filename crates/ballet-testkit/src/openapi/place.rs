//! Whether a problem names the part of the request that is wrong.

use crate::openapi::request::Answer;

/// A part of a request: a parameter's name, or a pointer into the body.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) r#in: &'static str,
    pub(super) name: String,
}

/// The problem names a part of the request: this one, or a part of it.
pub(super) fn names(answer: &Answer, place: Option<&Place>) -> Result<(), String> {
    let problem = answer.json()?;
    let mut errors = problem["errors"].as_array().into_iter().flatten();
    let named = errors.any(|error| {
        let Some(Place { r#in, name }) = place else { return true };
        // A gateway sees that the path is wrong, and not which part of it.
        if *r#in == "path" && error["in"] == "path" && error.get("name").is_none() {
            return true;
        }
        let key = if *r#in == "body" { "pointer" } else { "name" };
        let found = error[key].as_str().and_then(|found| found.strip_prefix(name.as_str()));
        error["in"] == **r#in && found.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if named { Ok(()) } else { Err(format!("the problem does not name {place:?}")) }
}

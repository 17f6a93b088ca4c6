//! A request and its answer, and whether a problem document names the wrong part of the request.

use std::fmt;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::openapi::document::Parameter;

/// The most bytes that are read of an answer.
const MOST: usize = 4 << 20;

/// A request to one route.
#[derive(Debug, Clone, Default)]
pub(super) struct TrialRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Option<String>,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// The content type without its parameters.
    pub(super) content_type: String,
    pub(super) allow: String,
    /// The path of a created object, from `Location`.
    pub(super) location: String,
    pub(super) body: String,
}

/// A part of a request: a parameter's name, or a pointer into the body.
#[derive(Debug)]
pub(super) struct RequestPart {
    pub(super) r#in: &'static str,
    pub(super) name: String,
}

impl TrialRequest {
    /// Sets a parameter in a request to the route with this path.
    pub(super) fn set(&mut self, route: &str, parameter: &Parameter<'_>, text: &str) {
        let put = |list: &mut Vec<(String, String)>, text: String| {
            list.retain(|(name, _)| name != parameter.name);
            list.push((parameter.name.to_owned(), text));
        };
        match parameter.place {
            "query" => put(&mut self.query, text.to_owned()),
            // No client can send one in a header.
            "header" => put(&mut self.headers, text.replace('\0', "")),
            _ => {
                let template = format!("{{{}}}", parameter.name);
                let parts = route.split('/').zip(self.path.split('/'));
                let parts =
                    parts.map(
                        |(name, now)| {
                            if name == template { encoded(text) } else { now.to_owned() }
                        },
                    );
                self.path = parts.collect::<Vec<_>>().join("/");
            }
        }
    }

    /// Whether the body may exceed the buffers of a connection.
    pub(super) fn is_large(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.len() > 1 << 20)
    }

    /// Sends it. A stream of events is read to the end of its first event.
    pub(super) async fn send(&self, client: &Client, url: &str) -> Result<HttpAnswer, String> {
        let failed = |error: reqwest::Error| format!("there was no whole answer: {error:?}");
        let method =
            Method::from_bytes(self.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = client.request(method, format!("{url}{}", self.path)).query(&self.query);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(content_type) = self.content_type {
            request = request.header("Content-Type", content_type);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(failed)?;
        let header = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let content_type = header("content-type");
        let content_type = content_type.split(';').next().unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let (allow, location) = (header("allow"), header("location"));
        let is_stream = content_type == "text/event-stream";
        // A stream that resumes after a given event may have to wait for the next one.
        let waits = is_stream && !self.headers.is_empty();
        let mut body = Vec::new();
        while !waits && body.len() < MOST {
            let Some(chunk) = response.chunk().await.map_err(failed)? else { break };
            body.extend_from_slice(&chunk);
            if is_stream && body.windows(2).any(|pair| pair == b"\n\n") {
                break;
            }
        }
        let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        Ok(HttpAnswer { status, content_type, allow, location, body })
    }
}

impl HttpAnswer {
    /// Parses the body as JSON. A stream yields an object of its first event's fields.
    pub(super) fn json(&self) -> Result<Value, String> {
        if self.content_type == "text/event-stream" {
            let event = self.body.split("\n\n").next().unwrap_or_default();
            let fields = event.lines().filter_map(|line| line.split_once(": "));
            return Ok(fields.map(|(name, value)| (name.to_owned(), Value::from(value))).collect());
        }
        let text = &self.body;
        serde_json::from_str(text)
            .map_err(|error| format!("the body is not JSON ({error}): {text}"))
    }

    /// Checks that the problem names this part of the request, or a part inside it.
    pub(super) fn names(&self, place: Option<&RequestPart>) -> Result<(), String> {
        let problem = self.json()?;
        let mut errors = problem["errors"].as_array().into_iter().flatten();
        let named = errors.any(|error| {
            let Some(RequestPart { r#in, name }) = place else { return true };
            // A gateway sees that the path is wrong, but not which part of it.
            if *r#in == "path" && error["in"] == "path" && error.get("name").is_none() {
                return true;
            }
            let key = if *r#in == "body" { "pointer" } else { "name" };
            let found = error[key].as_str().and_then(|found| found.strip_prefix(name.as_str()));
            error["in"] == **r#in
                && found.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if named { Ok(()) } else { Err(format!("the problem does not name {place:?}")) }
    }
}

impl fmt::Display for TrialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, query, headers, content_type, body } = self;
        write!(f, "{method} {path} {query:?} {headers:?} {content_type:?}")?;
        match body {
            Some(body) => write!(f, " {}", body.chars().take(2_000).collect::<String>()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.chars().take(2_000).collect();
        write!(f, "{} {:?} {body}", self.status, self.content_type)
    }
}

/// Encodes a text as a segment of a path.
fn encoded(text: &str) -> String {
    // A segment of dots alone would lead a folder up.
    let dots = if text.bytes().all(|byte| byte == b'.') { &b""[..] } else { b"." };
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || dots.contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Formats a value for a path, a query or a header.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

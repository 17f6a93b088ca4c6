//! The requests that a trial sends to each route, and its rules for the answers.

use std::collections::BTreeSet;

use fastrand::Rng;
use reqwest::Client;
use serde_json::json;

use crate::openapi::document::{ApiDocument, RouteOperation};
use crate::openapi::request::{HttpAnswer, RequestPart, TrialRequest, text_of};
use crate::openapi::sample::sample;
use crate::openapi::spoil::{spoil, wrong_text};
use crate::openapi::things::{KnownValues, Thing, Things, fields, value_of};

const PROBLEM: &str = "application/problem+json";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const UNAUTHORIZED: u16 = 401;
/// The status for a wrong version, which depends on luck.
const PRECONDITION_FAILED: u16 = 412;
/// The most reported findings for one route.
const FINDINGS: usize = 4;
/// The number of retries of a large body that got no answer.
const LARGE_TRIES: u32 = 4;

/// A trial of all routes of a service.
pub(super) struct ServiceTrial<'a> {
    client: Client,
    url: &'a str,
    document: &'a ApiDocument<'a>,
    dice: Rng,
    known: KnownValues,
    things: Things,
    /// Random numbers for the choice of things, separate so that `dice` decides everything else.
    luck: Rng,
    /// The number of idempotency keys used so far.
    keys: u64,
    /// The routes that succeeded, or failed only by the version.
    succeeded: BTreeSet<&'a str>,
    findings: Vec<String>,
}

impl<'a> ServiceTrial<'a> {
    pub(super) fn new(
        client: Client,
        url: &'a str,
        document: &'a ApiDocument<'a>,
        seed: u64,
    ) -> Self {
        let (known, things) = (KnownValues::default(), Things::default());
        let (succeeded, findings) = (BTreeSet::new(), Vec::new());
        let (dice, luck) = (Rng::with_seed(seed), Rng::with_seed(!seed));
        Self { client, url, document, dice, known, things, luck, keys: 0, succeeded, findings }
    }

    /// Runs the trial. `is_known` says that the requests carry credentials.
    pub(super) async fn run(mut self, is_known: bool, rounds: u32) -> Vec<String> {
        // The document does not say how to sign a request, so such routes can only refuse one without credentials.
        let (signed, operations): (Vec<&RouteOperation<'_>>, Vec<_>) = self
            .document
            .operations
            .iter()
            .partition(|operation| !is_known && operation.answers.contains_key(&UNAUTHORIZED));
        for operation in signed {
            self.unsigned(operation, rounds).await;
        }
        for &operation in &operations {
            self.example(operation).await;
        }
        for _ in 0..rounds {
            for &operation in &operations {
                self.allowed(operation).await;
                self.forbidden(operation).await;
            }
        }
        for &operation in operations.iter().filter(|operation| operation.body.is_some()) {
            self.unreadable(operation).await;
        }
        for &operation in &operations {
            self.mistyped(operation).await;
        }
        self.unknown_routes().await;
        for operation in operations.iter().filter(|one| !self.succeeded.contains(one.id)) {
            let missed = format!("{} never answered with success", operation.id);
            self.findings.push(missed);
        }
        self.findings
    }

    /// A route refuses every unsigned request: the example and any other.
    async fn unsigned(&mut self, operation: &'a RouteOperation<'a>, rounds: u32) {
        for round in 0..rounds {
            let mut request = self.request(operation);
            request.body = operation.body.map(|(schema, example)| match round {
                0 => example.to_string(),
                _ => sample(schema, &mut self.dice).to_string(),
            });
            self.send(operation, &request, |answer| match answer.status {
                UNAUTHORIZED => Ok(()),
                _ => Err("nobody has signed this request".to_owned()),
            })
            .await;
        }
    }

    /// A route accepts the document's own example, unless the object it names is missing or in another state. Each
    /// route has to succeed at some time anyway.
    async fn example(&mut self, operation: &'a RouteOperation<'a>) {
        let Some((schema, example)) = operation.body else { return };
        for what in schema.judge(example) {
            self.findings.push(format!("{}: the example of the body {what}", operation.id));
        }
        let mut request = self.request(operation);
        request.body = Some(example.to_string());
        self.send(operation, &request, |answer| match answer.status {
            200..300 => Ok(()),
            404 | 409 | 410 | 412 if !operation.parameters.is_empty() => Ok(()),
            _ => Err("the document's example is not taken".to_owned()),
        })
        .await;
    }

    /// A route may refuse a request that the document allows for reasons that a schema cannot express, but not as
    /// unreadable.
    async fn allowed(&mut self, operation: &'a RouteOperation<'a>) {
        let mut request = self.request(operation);
        let thing = self.thing(operation).unwrap_or_default();
        for parameter in operation.parameters.iter().filter(|one| one.place == "path") {
            if let Some(value) = value_of(&thing, parameter) {
                request.set(operation.path, parameter, &text_of(value));
            }
        }
        if let Some((schema, _)) = operation.body {
            let mut body = sample(schema, &mut self.dice);
            if let Some(object) = body.as_object_mut() {
                let fitting = fields(schema, &thing);
                object.extend(fitting.map(|(name, value)| (name.to_owned(), value.clone())));
            }
            // Unknown fields are ignored.
            if let Some(object) = body.as_object_mut()
                && self.dice.usize(..5) == 0
            {
                object.insert("an_unknown_field".to_owned(), json!({ "a": [1, null] }));
            }
            request.body = Some(body.to_string());
        }
        self.send(operation, &request, |answer| match answer.status {
            400 | 405 | 413 | 415 => Err("the document allows this request".to_owned()),
            422 => answer.names(None),
            _ => Ok(()),
        })
        .await;
    }

    /// A route refuses a request with one wrong part, and the problem names that part.
    async fn forbidden(&mut self, operation: &'a RouteOperation<'a>) {
        let mut request = self.request(operation);
        // The example has no other fault, so the problem has to be about the spoilt part.
        let by_example = self.dice.usize(..3) != 0;
        let mut body = operation.body.map(|(schema, example)| {
            let body = if by_example { example.clone() } else { sample(schema, &mut self.dice) };
            (schema, body)
        });
        let parts = operation.parameters.len() + usize::from(body.is_some()) * 3;
        let chosen = self.dice.usize(..parts.max(1));
        let place = if let Some(parameter) = operation.parameters.get(chosen) {
            let Some(text) = wrong_text(parameter, &mut self.dice) else { return };
            request.set(operation.path, parameter, &text);
            Some(RequestPart { r#in: parameter.place, name: parameter.name.to_owned() })
        } else {
            let Some((schema, value)) = &mut body else { return };
            let Some(spoilt) = spoil(*schema, value, &mut self.dice) else { return };
            *value = spoilt.value;
            by_example.then_some(RequestPart { r#in: "body", name: spoilt.pointer })
        };
        request.body = body.map(|(_, value)| value.to_string());
        self.send(operation, &request, |answer| match answer.status {
            400 | 422 => answer.names(place.as_ref()),
            // The address is too long for a gateway.
            414 if place.as_ref().is_some_and(|part| part.r#in == "query") => Ok(()),
            _ => Err(format!("the document forbids this request: {place:?}")),
        })
        .await;
    }

    /// A route refuses bodies that are not JSON, too large, or of another type.
    async fn unreadable(&mut self, operation: &'a RouteOperation<'a>) {
        let json = Some("application/json");
        let (deep, large) = ("[".repeat(100_000), format!("\"{}\"", "x".repeat(8 << 20)));
        let cases = [
            (&[415][..], None, "{}"),
            (&[415], Some("text/plain"), "{}"),
            (&[415], Some("application/x-www-form-urlencoded"), "a=1"),
            (&[400], json, ""),
            (&[400], json, "\u{feff}{}"),
            (&[400, 422], json, "{"),
            (&[400, 422], json, "{} {}"),
            (&[400, 422], json, &deep),
            (&[413], json, &large),
        ];
        for (statuses, content_type, body) in cases {
            let mut request = self.request(operation);
            request.content_type = content_type;
            request.body = Some(body.to_owned());
            self.send(operation, &request, |answer| {
                let refused = statuses.contains(&answer.status);
                if refused { Ok(()) } else { Err(format!("its body has to get {statuses:?}")) }
            })
            .await;
        }
    }

    /// A route refuses a mistyped parameter name. Otherwise it would answer a different question.
    async fn mistyped(&mut self, operation: &'a RouteOperation<'a>) {
        if !operation.parameters.iter().any(|parameter| parameter.place == "query") {
            return;
        }
        let mut request = self.request(operation);
        let name = "an_unknown_parameter".to_owned();
        request.query.push((name.clone(), "1".to_owned()));
        let place = RequestPart { r#in: "query", name };
        self.send(operation, &request, |answer| match answer.status {
            400 => answer.names(Some(&place)),
            _ => Err("no such parameter is in the document".to_owned()),
        })
        .await;
    }

    /// The service refuses methods and paths that the document does not have.
    async fn unknown_routes(&mut self) {
        for (path, methods) in &self.document.methods {
            let filled = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            let path = filled.collect::<Vec<_>>().join("/");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                if methods.iter().any(|one| one == method) {
                    continue;
                }
                // A gateway may check the key before the method.
                let headers = vec![(IDEMPOTENCY_KEY.to_owned(), self.fresh_key())];
                let (method, path) = (method.to_owned(), path.clone());
                let request = TrialRequest { method, path, headers, ..TrialRequest::default() };
                self.refused(&request, 405, methods).await;
            }
        }
        for path in ["/no/such/route", "/openapi.json/"] {
            let request = TrialRequest {
                method: "GET".to_owned(),
                path: path.to_owned(),
                ..TrialRequest::default()
            };
            self.refused(&request, 404, &[]).await;
        }
    }

    async fn refused(&mut self, request: &TrialRequest, status: u16, allowed: &[String]) {
        let found = match request.send(&self.client, self.url).await {
            Ok(answer) => answer,
            Err(error) => return self.find(&request.path, &format!("{request}: {error}")),
        };
        let is_problem = found.status == status && found.content_type == PROBLEM;
        let allows = |method: &String| found.allow.split(',').any(|one| one.trim() == method);
        if !is_problem || !allowed.iter().all(allows) {
            self.find(
                &request.path,
                &format!("{request}: {found}; expected a problem with {status} {allowed:?}"),
            );
        }
    }

    /// Makes a request that the document allows, without a body.
    fn request(&mut self, operation: &RouteOperation<'_>) -> TrialRequest {
        let mut request = TrialRequest {
            method: operation.method.clone(),
            path: operation.path.to_owned(),
            content_type: operation.body.map(|_| "application/json"),
            ..TrialRequest::default()
        };
        for parameter in &operation.parameters {
            if !parameter.required && self.dice.bool() {
                continue;
            }
            // A key that was used before would get the answer of its first request.
            if parameter.name == IDEMPOTENCY_KEY {
                let key = self.fresh_key();
                request.set(operation.path, parameter, &key);
                continue;
            }
            let value = match self.known.any(parameter, &mut self.dice) {
                Some(known) if self.dice.usize(..4) != 0 => known.clone(),
                _ => sample(parameter.schema, &mut self.dice),
            };
            request.set(operation.path, parameter, &text_of(&value));
        }
        request
    }

    /// Draws a thing for a route that has not succeeded yet, because its values may have to belong together.
    fn thing(&mut self, operation: &RouteOperation<'_>) -> Option<Thing> {
        let is_meant = !self.succeeded.contains(operation.id) && self.luck.bool();
        let thing = if is_meant { self.things.any(operation, &mut self.luck) } else { None };
        thing.cloned()
    }

    fn fresh_key(&mut self) -> String {
        self.keys += 1;
        format!("{}-{}", std::process::id(), self.keys)
    }

    async fn send(
        &mut self,
        operation: &'a RouteOperation<'a>,
        request: &TrialRequest,
        expect: impl FnOnce(&HttpAnswer) -> Result<(), String>,
    ) {
        let mut answer = request.send(&self.client, self.url).await;
        // A server may refuse a large body without reading it, and the answer may be lost with the connection.
        for _ in 0..LARGE_TRIES {
            if answer.is_ok() || !request.is_large() {
                break;
            }
            answer = request.send(&self.client, self.url).await;
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.find(operation.id, &format!("{request}: {error}")),
        };
        let judged = self.as_declared(operation, request, &answer).and_then(|()| expect(&answer));
        if let Err(what) = judged {
            self.find(operation.id, &format!("{what}\n  sent: {request}\n  got: {answer}"));
        }
    }

    /// Checks that the document has this answer in this form.
    fn as_declared(
        &mut self,
        operation: &'a RouteOperation<'a>,
        request: &TrialRequest,
        answer: &HttpAnswer,
    ) -> Result<(), String> {
        if answer.status >= 500 {
            return Err("the service failed".to_owned());
        }
        let Some(contents) = operation.answers.get(&answer.status) else {
            return Err(format!("the status {} is not declared", answer.status));
        };
        if answer.status >= 400 && answer.content_type != PROBLEM {
            return Err("an error is no problem+json".to_owned());
        }
        if (200..300).contains(&answer.status) || answer.status == PRECONDITION_FAILED {
            self.succeeded.insert(operation.id);
            self.things.learn_path(&answer.location, self.document.methods.keys().copied());
        }
        if contents.is_empty() && answer.body.is_empty() {
            return Ok(());
        }
        let Some(schema) = contents.get(answer.content_type.as_str()) else {
            return Err(format!("the content type {:?} is not declared", answer.content_type));
        };
        if answer.content_type == "text/event-stream" && !request.headers.is_empty() {
            return Ok(());
        }
        let body = answer.json()?;
        self.known.learn(&body);
        if answer.status < 400 {
            self.things.learn(&body);
        }
        match schema.judge(&body).first() {
            Some(what) => Err(format!("the body does not fit its schema: {what}")),
            None if answer.status >= 400 && body["status"] != answer.status => {
                Err("the problem has another status".to_owned())
            }
            None => Ok(()),
        }
    }

    fn find(&mut self, route: &str, what: &str) {
        let of_route = format!("{route}: ");
        if self.findings.iter().filter(|one| one.starts_with(&of_route)).count() < FINDINGS {
            self.findings.push(format!("{of_route}{what}"));
        }
    }
}

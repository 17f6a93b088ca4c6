//! The answer of a tool: rows that fit into it, without values about persons.

use ballet_check::listing::{self, ListedEvent};
use ballet_check::personal::{has_personal, mask};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::agent::call::Ended;
use crate::agent::tools::{ToolKind, ToolSpec};
use crate::base::exit::{ExitStatus, error_text};
use crate::base::systems::contracts;

/// The most bytes of the rows of one answer.
const MOST_BYTES: usize = 64 * 1024;
/// The most lines, and characters of a line, that are said beside the rows.
const MOST_SAID: (usize, usize) = (50, 2_000);

/// Returns an error, which says what is wrong and what to do.
pub(super) fn failed(error: &anyhow::Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(error_text(error))])
}

/// Returns what the subcommand has printed. `more` is added to it.
pub(super) fn of(spec: &ToolSpec, ended: Ended, more: Value) -> CallToolResult {
    let said = shortened(ended.printed.said);
    let status = match ended.result {
        Ok(status) => status,
        Err(error) => {
            let lines = [error_text(&error)].into_iter().chain(said);
            let text = lines.collect::<Vec<_>>().join("\n");
            return CallToolResult::error(vec![ContentBlock::text(text)]);
        }
    };
    let events = contracts().map(listing::events).unwrap_or_default();
    let rows: Vec<Value> =
        ended.printed.result.into_iter().map(|line| row(line, &events)).collect();
    let (rows, left_out) = fit(rows, MOST_BYTES);
    let mut answer = json!({ "outcome": word(status), "rows": rows, "said": said });
    if left_out > 0 {
        answer["left_out"] = json!(format!(
            "{left_out} more rows do not fit into an answer: narrow what you look for"
        ));
    }
    if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    let content = vec![ContentBlock::text(answer.to_string())];
    // A look that finds something wrong has not failed.
    match (spec.kind, status) {
        (ToolKind::Act, ExitStatus::Failed) => CallToolResult::error(content),
        _ => CallToolResult::success(content),
    }
}

const fn word(status: ExitStatus) -> &'static str {
    match status {
        ExitStatus::All => "all",
        ExitStatus::Partly => "partly",
        ExitStatus::Different => "different",
        ExitStatus::Failed => "failed",
    }
}

/// A line of the result: a row of JSON, or text.
fn row(line: String, events: &[ListedEvent]) -> Value {
    match serde_json::from_str(&line) {
        Ok(mut row) => {
            mask_bodies(&mut row, events);
            row
        }
        Err(_) => Value::String(line),
    }
}

/// Removes the schemas of a listing, which are most of its size.
pub(super) fn without_schemas(lines: &mut [String]) {
    for line in lines {
        if let Ok(Value::Object(mut row)) = serde_json::from_str(line) {
            row.remove("schema");
            *line = Value::Object(row).to_string();
        }
    }
}

/// Masks the values about persons in the bodies of messages, wherever they are in a row.
fn mask_bodies(value: &mut Value, events: &[ListedEvent]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mask_bodies(item, events)),
        Value::Object(fields) => {
            let event = ["event", "type"].into_iter().find_map(|name| fields.get(name)?.as_str());
            let event = events.iter().find(|one| Some(one.event.name()) == event);
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "body" | "body_base64" => mask_body(field, event),
                    "schema" => {}
                    _ => mask_bodies(field, events),
                }
            }
        }
        _ => {}
    }
}

/// Masks a body, which may be JSON as text. What cannot be judged is not shown.
fn mask_body(body: &mut Value, event: Option<&ListedEvent>) {
    if body.is_null() {
        return;
    }
    let schema = event.map(|event| &event.schema);
    let parsed = body.as_str().map(serde_json::from_str::<Value>);
    match (schema, parsed) {
        (Some(schema), None) => mask(body, schema),
        (Some(schema), Some(Ok(mut parsed))) => {
            mask(&mut parsed, schema);
            *body = Value::String(parsed.to_string());
        }
        (Some(schema), Some(Err(_))) if !has_personal(schema) => {}
        (Some(_), Some(Err(_))) | (None, _) => {
            *body = json!(
                "not shown: it cannot be told what in it is about a person; `ballet dlq show` shows it"
            );
        }
    }
}

/// Returns the rows that fit, and the number of the others. A single row that does not fit is shortened.
fn fit(rows: Vec<Value>, most: usize) -> (Vec<Value>, usize) {
    let (all, mut kept, mut size) = (rows.len(), Vec::new(), 0);
    for mut row in rows {
        let mut length = row.to_string().len();
        if kept.is_empty() {
            for limit in [2_000, 200, 20] {
                if length > most {
                    shorten(&mut row, limit);
                    length = row.to_string().len();
                }
            }
        }
        if length > most && kept.is_empty() {
            row = json!(format!("{length} bytes do not fit into an answer: look at a part of it"));
            length = row.to_string().len();
        } else if size + length > most {
            break;
        }
        size += length;
        kept.push(row);
    }
    let left_out = all - kept.len();
    (kept, left_out)
}

/// Cuts long texts and lists.
fn shorten(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(most) {
                let more = text[at..].chars().count();
                text.truncate(at);
                text.push_str(&format!("... and {more} more characters"));
            }
        }
        Value::Array(items) => {
            let more = items.len().saturating_sub(most);
            items.truncate(most);
            items.iter_mut().for_each(|item| shorten(item, most));
            items.extend((more > 0).then(|| json!(format!("... and {more} more"))));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, most)),
        _ => {}
    }
}

fn shortened(said: Vec<String>) -> Vec<String> {
    let (lines, most) = MOST_SAID;
    let more = said.len().saturating_sub(lines);
    let kept = said.into_iter().take(lines).map(|line| line.chars().take(most).collect());
    kept.chain((more > 0).then(|| format!("... and {more} more lines"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_rows_that_fit_and_counts_the_others() {
        let rows = |count: usize| (0..count).map(|at| json!({ "at": at })).collect::<Vec<_>>();
        assert_eq!(fit(rows(3), 100), (rows(3), 0));
        assert_eq!(fit(rows(100), 20), (rows(2), 98));
        let (long, left_out) = fit(vec![json!({ "events": ["x".repeat(9_000)] }), json!(1)], 3_000);
        assert_eq!(left_out, 0);
        let text = long[0]["events"][0].as_str().expect("text");
        assert!(text.ends_with("x... and 7000 more characters"), "{text}");
        let wide: Value = (0..900).map(|at| (at.to_string(), json!(at))).collect();
        let (wide, left_out) = fit(vec![wide], 3_000);
        assert_eq!(left_out, 0);
        assert!(wide[0].as_str().is_some_and(|text| text.contains("do not fit")), "{wide:?}");
    }

    #[test]
    fn a_body_that_no_contract_knows_is_not_shown() {
        let mut row = json!({ "type": "nobody.knows.v1", "body": "{\"name\":\"Ada\"}",
            "events": [{ "event": "nobody.knows.v1", "body": { "name": "Ada" } }] });
        mask_bodies(&mut row, &[]);
        assert!(!row.to_string().contains("Ada"), "{row}");
        assert!(row["body"].as_str().is_some_and(|text| text.starts_with("not shown")), "{row}");
    }
}

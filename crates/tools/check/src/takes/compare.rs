//! Compares a writer's schema with a reader's, keyword by keyword.

use serde_json::{Map, Value};

use crate::takes::alternatives::{WriterAlternative, alternatives};
use crate::takes::keywords::{is_known, item, names, places};
use crate::takes::mismatch::{Mismatch, MismatchKind};
use crate::takes::range::{SchemaRange, is_width};
use crate::takes::schema_part::{SchemaPart, is_a, types, values};

/// For types that contain themselves.
const DEEPEST: usize = 32;

/// What is assumed where a writer's schema is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It writes what the reader needs.
    InFavour,
    /// It may write anything.
    Against,
}

/// What the writer may write and the reader does not accept.
pub(crate) fn mismatches(reads: &Value, writes: &Value, doubt: Doubt) -> Vec<Mismatch> {
    let mut comparison = SchemaComparison { doubt, open: Vec::new() };
    let mut found = comparison.compare_all(SchemaPart::top(reads), SchemaPart::top(writes), "");
    found.sort();
    found.dedup();
    found
}

struct SchemaComparison {
    doubt: Doubt,
    /// A pair that recurs within itself adds nothing.
    open: Vec<(String, *const Value)>,
}

impl SchemaComparison {
    /// `path` ends with a point, or is empty.
    fn compare_all(
        &mut self,
        reads: SchemaPart<'_>,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let written = alternatives(writes);
        written.iter().flat_map(|one| self.compare_alternative(reads, one, writes, path)).collect()
    }

    fn compare_alternative(
        &mut self,
        reads: SchemaPart<'_>,
        one: &WriterAlternative,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let own = match reads.part {
            Value::Bool(false) => {
                return vec![Mismatch::new(
                    MismatchKind::FieldUnknown,
                    path,
                    format!("there is {}", name(path)),
                )];
            }
            Value::Object(own) => own,
            _ => return Vec::new(),
        };
        let pair = (format!("{one:?}"), std::ptr::from_ref(reads.part));
        if self.open.contains(&pair) || self.open.len() > DEEPEST * 4 {
            return Vec::new();
        }
        self.open.push(pair);
        let mut found = Vec::new();
        if let Some(target) = reads.target() {
            found.extend(self.compare_alternative(target, one, writes, path));
        }
        for part in reads.list("allOf").into_iter().flatten() {
            found.extend(self.compare_alternative(part, one, writes, path));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(list) = reads.list(keyword) {
                found.extend(self.compare_choices(&list, one, writes, path));
            }
        }
        found.extend(self.compare_keywords(reads, own, one, writes, path));
        self.open.pop();
        found
    }

    /// If none of the reader's alternatives accepts it, the one with the fewest faults counts.
    fn compare_choices(
        &mut self,
        list: &[SchemaPart<'_>],
        one: &WriterAlternative,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let here = rejected(one, path);
        let mut meant: Option<Vec<Mismatch>> = None;
        for part in list {
            let found = self.compare_alternative(*part, one, writes, path);
            if found.is_empty() {
                return found;
            }
            let is_other = found.iter().any(|one| {
                matches!(one.kind, MismatchKind::Type | MismatchKind::Value)
                    && one.text == here.text
            });
            if !is_other && meant.as_ref().is_none_or(|least| found.len() < least.len()) {
                meant = Some(found);
            }
        }
        meant.unwrap_or_else(|| vec![here])
    }

    fn compare_keywords(
        &mut self,
        reads: SchemaPart<'_>,
        own: &Map<String, Value>,
        one: &WriterAlternative,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let wanted = types(own);
        match &one.json_type {
            Some(is) if wanted.is_empty() || wanted.iter().any(|want| is_a(is, want)) => {}
            None if wanted.is_empty() || self.doubt == Doubt::InFavour => {}
            _ => return vec![rejected(one, path)],
        }
        if let Some(known) = values(own) {
            match &one.value {
                Some(value) if known.contains(&value) => {}
                Some(_) => return vec![rejected(one, path)],
                None if self.forgives(one) => {}
                None => {
                    let what = one.json_type.as_deref().unwrap_or("value");
                    let text = format!("{} may be any {what}", name(path));
                    return vec![Mismatch::new(MismatchKind::Value, path, text)];
                }
            }
        }
        let may_be = |json_type| one.json_type.as_deref().is_none_or(|is| is_a(is, json_type));
        let mut found = Vec::new();
        if may_be("number") {
            let wanted = SchemaRange::of_number(own);
            let writes = match &one.value {
                Some(Value::Number(number)) => SchemaRange::only(number),
                // A handwritten contract says that it is a number, but not how wide.
                _ if self.doubt == Doubt::InFavour && !one.schema.contains_key("format") => {
                    SchemaRange::of_number(&one.schema).or(&wanted)
                }
                _ => SchemaRange::of_number(&one.schema),
            };
            ranges(&wanted, &writes, path, ["below", "above"], &mut found);
        }
        if may_be("string") {
            self.text(own, one, path, &mut found);
        }
        if may_be("array") {
            found.extend(self.items(reads, own, one, writes, path));
        }
        if may_be("object") {
            found.extend(self.fields(reads, own, one, writes, path));
        }
        for (keyword, value) in own.iter().filter(|(keyword, _)| !is_known(keyword)) {
            let says = one.schema.get(keyword);
            if says != Some(value) && (says.is_some() || self.doubt == Doubt::Against) {
                found.push(unclear(keyword, path));
            }
        }
        found
    }

    /// Whether the schema names no type, in its writer's favour.
    fn forgives(&self, one: &WriterAlternative) -> bool {
        self.doubt == Doubt::InFavour && one.json_type.is_none()
    }

    fn text(
        &self,
        own: &Map<String, Value>,
        one: &WriterAlternative,
        path: &str,
        found: &mut Vec<Mismatch>,
    ) {
        if self.forgives(one) {
            return;
        }
        let writes = match &one.value {
            Some(Value::String(text)) => SchemaRange::only(&text.chars().count().into()),
            _ => SchemaRange::between(&one.schema, "minLength", "maxLength"),
        };
        let reads = SchemaRange::between(own, "minLength", "maxLength");
        ranges(&reads, &writes, path, ["shorter than", "longer than"], found);
        for keyword in ["pattern", "format"] {
            let Some(wanted) = own.get(keyword).and_then(Value::as_str) else { continue };
            let is_same = one.schema.get(keyword).and_then(Value::as_str) == Some(wanted);
            let is_number = keyword == "format" && is_width(wanted);
            if !is_same && !is_number {
                let what = if keyword == "format" { "be no" } else { "not be like" };
                let text = format!("{} may {what} `{wanted}`", name(path));
                found.push(Mismatch::new(MismatchKind::Format, path, text));
            }
        }
    }

    fn items(
        &mut self,
        reads: SchemaPart<'_>,
        own: &Map<String, Value>,
        one: &WriterAlternative,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let (anything, mut found) = (Value::Bool(true), Vec::new());
        let says =
            |schema: &Map<_, _>| schema.contains_key("items") || schema.contains_key("prefixItems");
        if self.doubt == Doubt::Against || says(&one.schema) {
            for place in 0..=places(own).max(places(&one.schema)) {
                let (wanted, given) = (item(own, place), item(&one.schema, place));
                if let Some(wanted) = wanted {
                    let given = given.unwrap_or(&anything);
                    found.extend(self.compare_all(reads.at(wanted), writes.at(given), path));
                }
            }
        }
        let count = |schema| SchemaRange::between(schema, "minItems", "maxItems");
        let words = ["shorter than", "longer than"];
        ranges(&count(own), &count(&one.schema), path, words, &mut found);
        found
    }

    fn fields(
        &mut self,
        reads: SchemaPart<'_>,
        own: &Map<String, Value>,
        one: &WriterAlternative,
        writes: SchemaPart<'_>,
        path: &str,
    ) -> Vec<Mismatch> {
        let fields = |schema: &'_ Map<String, Value>, keyword| {
            schema.get(keyword).and_then(Value::as_object).cloned()
        };
        let given = fields(&one.schema, "properties");
        let given_by_pattern = fields(&one.schema, "patternProperties");
        // A writer writes the fields of its schema, and others only if their type is named. A schema that allows any
        // others does not count in its favour.
        let others = one.schema.get("additionalProperties").filter(|others| {
            others.is_object() || self.doubt == Doubt::Against && **others == Value::Bool(true)
        });
        let says_nothing = given.is_none() && given_by_pattern.is_none() && others.is_none();
        if says_nothing && self.doubt == Doubt::InFavour {
            return Vec::new();
        }
        // Beside named fields, `true` only forbids no others.
        let says_which = given.is_none() || others.is_some_and(Value::is_object);
        let (given, given_by_pattern) =
            (given.unwrap_or_default(), given_by_pattern.unwrap_or_default());
        let mut found = Vec::new();
        let always = names(&one.schema);
        for name in names(own) {
            let place = format!("{path}{name}");
            if !given.contains_key(name) && !always.contains(&name) {
                found.push(Mismatch::new(
                    MismatchKind::FieldMissing,
                    &place,
                    format!("there is no `{place}`"),
                ));
            } else if !always.contains(&name) {
                let text = format!("`{place}` may be missing");
                found.push(Mismatch::new(MismatchKind::FieldOptional, &place, text));
            }
        }
        let (named, rest) = (own.get("properties"), own.get("additionalProperties"));
        let named = named.and_then(Value::as_object);
        for (field, schema) in &given {
            if let Some(reader) = named.and_then(|named| named.get(field)).or(rest) {
                let below = format!("{path}{field}.");
                found.extend(self.compare_all(reads.at(reader), writes.at(schema), &below));
            }
        }
        let wanted_by_pattern = own.get("patternProperties").and_then(Value::as_object);
        for (pattern, schema) in &given_by_pattern {
            if let Some(reader) = wanted_by_pattern.and_then(|all| all.get(pattern)).or(rest) {
                let below = format!("{path}*.");
                found.extend(self.compare_all(reads.at(reader), writes.at(schema), &below));
            }
        }
        let mut patterns = wanted_by_pattern.into_iter().flatten().map(|(pattern, _)| pattern);
        let is_told = patterns.all(|pattern| given_by_pattern.contains_key(pattern));
        if !is_told && self.doubt == Doubt::Against {
            found.push(unclear("patternProperties", path));
        }
        if let Some(others) = others {
            let unnamed = named.into_iter().flatten();
            let unnamed = unnamed.filter(|(name, _)| says_which && !given.contains_key(*name));
            let unnamed = unnamed.map(|(name, reader)| (name.as_str(), reader));
            for (name, reader) in unnamed.chain(rest.map(|rest| ("*", rest))) {
                let below = format!("{path}{name}.");
                found.extend(self.compare_all(reads.at(reader), writes.at(others), &below));
            }
        }
        let count = |schema| SchemaRange::between(schema, "minProperties", "maxProperties");
        let words = ["shorter than", "longer than"];
        ranges(&count(own), &count(&one.schema), path, words, &mut found);
        found
    }
}

fn ranges(
    reads: &SchemaRange,
    writes: &SchemaRange,
    path: &str,
    words: [&str; 2],
    found: &mut Vec<Mismatch>,
) {
    let passed = [reads.passed_below(writes), reads.passed_above(writes)];
    for (limit, word) in passed.into_iter().zip(words) {
        let text = limit.map(|limit| format!("{} may be {word} {limit}", name(path)));
        found.extend(text.map(|text| Mismatch::new(MismatchKind::Range, path, text)));
    }
}

fn unclear(keyword: &str, path: &str) -> Mismatch {
    let text = format!(
        "{} is limited by `{keyword}`, and it cannot be told whether it keeps to that",
        name(path)
    );
    Mismatch::new(MismatchKind::Unclear, path, text)
}

fn rejected(one: &WriterAlternative, path: &str) -> Mismatch {
    let name = name(path);
    match (&one.value, &one.json_type) {
        (Some(value), _) => {
            Mismatch::new(MismatchKind::Value, path, format!("{name} may be `{value}`"))
        }
        (None, Some(json_type)) => {
            Mismatch::new(MismatchKind::Type, path, format!("{name} may be {json_type}"))
        }
        (None, None) => Mismatch::new(MismatchKind::Type, path, format!("{name} may be anything")),
    }
}

fn name(path: &str) -> String {
    match path.trim_end_matches('.') {
        "" => "the body".to_owned(),
        path => format!("`{path}`"),
    }
}

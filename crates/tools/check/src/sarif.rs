//! What breaks rules, in the form SARIF 2.1.0, which code hosts show beside a change.

use std::collections::BTreeMap;
use std::path::Path;

use ballet_core::Problem;
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Returns the log of one run. `folder` has the contracts. Files are named from the root of the repository that it is
/// in, as code hosts want them.
#[must_use]
pub fn log(problems: &[Problem], folder: &Path) -> Value {
    let root = folder.ancestors().find(|above| above.join(".git").exists());
    let root = root.map(Path::to_owned).or_else(|| std::env::current_dir().ok());
    let folder = root.and_then(|root| folder.strip_prefix(root).ok()).unwrap_or(folder);
    let rules: BTreeMap<&str, Value> =
        problems.iter().map(|one| (one.rule.id, rule(one))).collect();
    let results: Vec<Value> = problems.iter().map(|one| result(one, folder)).collect();
    let driver = json!({
        "name": "ballet check",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.into_values().collect::<Vec<_>>(),
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "results": results }],
    })
}

fn rule(problem: &Problem) -> Value {
    let rule = problem.rule;
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.says },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.advice },
        "defaultConfiguration": { "level": rule.kind.level() },
    })
}

fn result(problem: &Problem, folder: &Path) -> Value {
    let Problem { rule, service, of, detail } = problem;
    let file = uri(&folder.join(format!("{service}.json")));
    let name = if of.is_empty() { service.clone() } else { format!("{service}/{of}") };
    json!({
        "ruleId": rule.id,
        "level": rule.kind.level(),
        "message": { "text": detail },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": file } },
            "logicalLocations": [{ "fullyQualifiedName": name }],
        }],
    })
}

/// A path as a URI, in which blanks and other letters than those of ASCII are written as bytes.
fn uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    let bytes = path.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use ballet_core::rules::catalogue::{self, Rule};

    use super::*;

    fn problem(rule: &'static Rule, of: &str) -> Problem {
        let [service, detail] = ["orders", "it breaks"].map(str::to_owned);
        Problem { rule, service, of: of.to_owned(), detail }
    }

    fn file(log: &Value) -> &Value {
        &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    }

    #[test]
    fn a_result_names_its_rule_its_file_and_its_place() {
        let problems =
            [problem(&catalogue::SAGA_ENDS, "sale"), problem(&catalogue::NO_DEADLINE, "sale")];
        let log = log(&problems, Path::new("contracts/my shöp"));
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(2));
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "B054");
        assert_eq!(file(&log), "contracts/my%20sh%C3%B6p/orders.json");
        let place = &run["results"][1]["locations"][0];
        assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "orders/sale");
        assert_eq!(run["results"][1]["level"], "note");
    }

    #[test]
    fn a_file_is_named_from_the_root_of_its_repository() {
        let root = std::env::temp_dir().join(format!("ballet-sarif-{}", std::process::id()));
        let folder = root.join("deploy/contracts/shop");
        std::fs::create_dir_all(root.join(".git")).expect("a repository");
        std::fs::create_dir_all(&folder).expect("a folder");
        let log = log(&[problem(&catalogue::SAGA_ENDS, "sale")], &folder);
        assert_eq!(file(&log), "deploy/contracts/shop/orders.json");
        std::fs::remove_dir_all(root).expect("removed");
    }
}

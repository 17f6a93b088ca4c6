//! What breaks rules, in the form SARIF 2.1.0, which code hosts show beside a change.

use std::collections::BTreeMap;
use std::path::Path;

use ballet_core::Problem;
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Returns the log of one run. `folder` has the contracts.
#[must_use]
pub fn log(problems: &[Problem], folder: &Path) -> Value {
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
    let file = folder.join(format!("{service}.json"));
    // SARIF wants a URI, in which a folder of the name of another system may have blanks.
    let file = file.to_string_lossy().replace('\\', "/").replace(' ', "%20");
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

#[cfg(test)]
mod tests {
    use ballet_core::rules::catalogue;

    use super::*;

    #[test]
    fn a_result_names_its_rule_its_file_and_its_place() {
        let problem = |rule, of: &str| Problem {
            rule,
            service: "orders".to_owned(),
            of: of.to_owned(),
            detail: "it breaks".to_owned(),
        };
        let problems =
            [problem(&catalogue::SAGA_ENDS, "sale"), problem(&catalogue::NO_DEADLINE, "sale")];
        let log = log(&problems, Path::new("contracts/my shop"));
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(2));
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "B054");
        let place = &run["results"][1]["locations"][0];
        assert_eq!(
            place["physicalLocation"]["artifactLocation"]["uri"],
            "contracts/my%20shop/orders.json"
        );
        assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "orders/sale");
        assert_eq!(run["results"][1]["level"], "note");
    }
}

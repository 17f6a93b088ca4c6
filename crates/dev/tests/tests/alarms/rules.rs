//! The rules as `promtool` judges them, and their cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use ballet::core::Cause;
use ballet_stage::{left_out, program};
use yaml_rust2::{Yaml, YamlLoader};

pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path)
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).expect(path)
}

pub(crate) fn rules() -> Vec<Yaml> {
    let documents = YamlLoader::load_from_str(&read("docs/monitoring/alarms.yml")).expect("YAML");
    let groups = documents[0]["groups"].as_vec().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_vec().expect("rules")).cloned().collect()
}

fn promtool(arguments: &[&str], name: &str) {
    let Some(promtool) = program("promtool") else { return left_out("promtool") };
    let file = file("docs/monitoring").join(name);
    let output = Command::new(promtool).args(arguments).arg(file).output().expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_configuration_and_the_rules_are_valid() {
    promtool(&["check", "config"], "prometheus.yml");
}

#[test]
fn t226_every_alarm_rings_alone_after_its_time_and_what_is_nearly_its_cause_does_not() {
    promtool(&["test", "rules"], "alarms_test.yml");
}

#[test]
fn every_alarm_has_a_case_a_cause_and_words_for_a_person() {
    let cases = read("docs/monitoring/alarms_test.yml");
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a name");
        assert!(cases.contains(&format!("{{alertname=\"{name}\"")), "{name} has no case");
        let labels = &rule["labels"];
        let severity = labels["severity"].as_str().expect("a severity");
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        // The name that findings and readiness have.
        let cause = labels["cause"].as_str().expect("a cause");
        assert!(Cause::ALL.iter().any(|one| one.name() == cause), "{name}: {cause}");
        for text in ["summary", "description"] {
            assert!(
                rule["annotations"][text].as_str().is_some_and(|text| !text.is_empty()),
                "{name}"
            );
        }
    }
}

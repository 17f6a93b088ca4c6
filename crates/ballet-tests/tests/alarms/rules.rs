//! The rules file, as Prometheus reads it.

use std::path::{Path, PathBuf};

use yaml_rust2::YamlLoader;

/// A rule.
#[derive(Debug)]
pub(crate) struct AlarmRule {
    pub(crate) alert: String,
    pub(crate) expression: String,
    pub(crate) minutes: u32,
    pub(crate) severity: String,
    pub(crate) summary: String,
    pub(crate) description: String,
}

pub(crate) fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of a file of the workspace.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(workspace(path)).expect(path)
}

/// All rules of the file.
pub(crate) fn rules() -> Vec<AlarmRule> {
    let documents = YamlLoader::load_from_str(&read("docs/monitoring/alarms.yml")).expect("YAML");
    let groups = documents[0]["groups"].as_vec().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().expect("rules"));
    let rules = rules.map(|rule| {
        let text = |value: &yaml_rust2::Yaml| value.as_str().expect("a text").to_owned();
        let minutes = text(&rule["for"]);
        let minutes = minutes.strip_suffix('m').and_then(|minutes| minutes.parse().ok());
        AlarmRule {
            alert: text(&rule["alert"]),
            expression: text(&rule["expr"]),
            minutes: minutes.expect("minutes"),
            severity: text(&rule["labels"]["severity"]),
            summary: text(&rule["annotations"]["summary"]),
            description: text(&rule["annotations"]["description"]),
        }
    });
    rules.collect()
}

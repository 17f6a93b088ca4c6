//! The samples of a service's `/metrics` at one time.

use std::collections::BTreeMap;

/// A sample: its metric, its labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads samples as Prometheus' text format writes them.
pub(crate) fn samples(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let (of, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = match of.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("a brace")),
        None => (of, ""),
    };
    let value = value.parse().expect("a number");
    Sample { name: name.to_owned(), labels: read_labels(labels), value }
}

/// Reads `a="x",b="y"`. No value here holds a quotation mark.
pub(crate) fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut parts = text.split('"');
    let mut labels = BTreeMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.trim_matches([',', ' ', '=']);
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}

#[test]
fn samples_are_read_with_their_labels() {
    let text = "# TYPE a counter\na{role=\"consume\",key=\"x.y\"} 3\n\nb 0.5\n";
    let read = samples(text);
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].name.as_str(), read[0].value), ("a", 3.0));
    assert_eq!(
        (read[0].labels["role"].as_str(), read[0].labels["key"].as_str()),
        ("consume", "x.y")
    );
    assert!(read[1].labels.is_empty() && (read[1].value - 0.5).abs() < f64::EPSILON);
}

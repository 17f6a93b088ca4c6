//! Tables, code and anchors in Markdown.

/// Escapes text for a table's cell: on one line, with escaped bars.
pub(crate) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The cells are escaped.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let line =
        |cells: &[String; N]| format!("| {} |\n", cells.each_ref().map(|c| cell(c)).join(" | "));
    let mut text = line(&header.map(str::to_owned));
    text += &format!("|{}\n", "---|".repeat(N));
    text.extend(rows.iter().map(line));
    text
}

pub(crate) fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

/// A dash for none.
pub(crate) fn codes<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = items.into_iter().map(code).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_in_its_table() {
        assert_eq!(cell("a | b\nc"), "a \\| b c");
        let text = table(["x", "y"], &[["1".to_owned(), "a|b".to_owned()]]);
        assert_eq!(text, "| x | y |\n|---|---|\n| 1 | a\\|b |\n");
    }

    #[test]
    fn anchors_are_those_of_renderers() {
        assert_eq!(anchor("orders.order_placed.v1"), "ordersorder_placedv1");
        assert_eq!(anchor("OrderLine"), "orderline");
    }
}

//! Tests of the layout.

use super::*;

const HEADER: [&str; 5] = ["saga", "service", "for", "reason", "detail"];
const SAGA: &str = "0193f7a0-0000-7000-8000-000000000001";
const DETAIL: &str =
    "the card processor at https://cards.example/authorizations?currency=EUR answered 500";

fn table() -> Table {
    console::set_colors_enabled(false);
    let mut table = Table::new(HEADER).right([2]);
    table.row([
        Cell::from(SAGA),
        Cell::from("payments"),
        Cell::from("12 min"),
        Cell::from("failed").styled(Style::new().yellow().force_styling(true)),
        Cell::from(DETAIL),
    ]);
    table.row([
        Cell::from("商品 \u{202e}\t1"),
        Cell::from("orders"),
        Cell::from("9 s"),
        Cell::from("not_yet"),
        Cell::from(None::<&str>),
    ]);
    table
}

fn uncoloured(text: &str) -> String {
    text.replace("\u{1b}[33m", "").replace("\u{1b}[0m", "")
}

#[test]
fn a_table_that_fits_has_a_line_for_each_row() {
    let drawn = table().draw(Some(160));
    assert!(drawn.contains("\u{1b}[33mfailed\u{1b}[0m"), "{drawn:?}");
    let expected = format!(
        "saga                                  service      for  reason   detail\n\
         {SAGA}  payments  12 min  failed   {DETAIL}\n\
         商品   1                              orders       9 s  not_yet  –"
    );
    assert_eq!(uncoloured(&drawn), expected);
    assert_eq!(table().draw(None), drawn, "without a terminal");
}

#[test]
fn the_last_column_is_wrapped() {
    let expected = "
saga                                  service      for  reason   detail
0193f7a0-0000-7000-8000-000000000001  payments  12 min  failed   the card processor at
                                                                 https://cards.example/authorization
                                                                 s?currency=EUR answered 500
商品   1                              orders       9 s  not_yet  –";
    assert_eq!(uncoloured(&table().draw(Some(100))), expected.trim_start());
}

#[test]
fn a_table_that_is_too_wide_is_folded() {
    let expected = "
saga                                  service      for  reason
  detail
0193f7a0-0000-7000-8000-000000000001  payments  12 min  failed
  the card processor at https://cards.example/authorizations?currency=EUR
  answered 500
商品   1                              orders       9 s  not_yet";
    assert_eq!(uncoloured(&table().draw(Some(80))), expected.trim_start());
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in 1..200 {
        let drawn = uncoloured(&table().draw(Some(columns)));
        let wide = drawn.lines().find(|line| width(line) > columns.max(INDENT + 2));
        assert_eq!(wide, None, "{columns} columns:\n{drawn}");
    }
}

#[test]
fn a_folded_row_has_no_line_for_cells_that_say_nothing() {
    let mut table = Table::new(["step", "never"]);
    table.row(["reserve", "compensated"].map(Cell::from));
    table.row(["commit", ""].map(Cell::from));
    assert_eq!(table.draw(Some(13)), "step\n  never\nreserve\n  compensated\ncommit");
}

//! Mistakes in the attribute of a service.
include!("attributes.inc");

#[ballet::service("inventory")]
struct NoImpl;

#[ballet::service(migrations = "migrations")]
impl WithoutName {}

#[ballet::service("inventory", tables = "migrations")]
impl UnknownWord {}

#[ballet::service("inventory", migrations = "migrations")]
impl NoFolder {}

#[ballet::service("inventory", migrations = "tests/compile_fail")]
impl EmptyFolder {}

#[ballet::service("inventory", copies(Product, ProductChanged))]
impl NotFedBy {}

#[ballet::service("inventory", migrations = "tests/compile_fail/wrong_ending")]
impl WrongEnding {}

fn main() {}

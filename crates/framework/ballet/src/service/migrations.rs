//! Lists of migrations.

/// Lists [`Migration`](crate::Migration)s by the names of their files, which lie in one folder. The path begins at the
/// source file, as in `include_str!`. A migration that has no file there is given with its SQL. The attribute
/// [`service`](macro@crate::service) lists a whole folder.
///
/// ```ignore
/// const TABLES: &[Migration] = migrations! {
///     in "../migrations",
///     "0001_account",
///     "0002_by_name" = "create index account_by_name on account (name)",
/// };
/// ```
#[macro_export]
macro_rules! migrations {
    (in $folder:literal, $($name:literal $(= $sql:expr)?),* $(,)?) => {
        &[$($crate::Migration {
            name: $name,
            sql: $crate::migrations!(@sql $folder, $name $(, $sql)?),
        }),*]
    };
    (@sql $folder:literal, $name:literal) => {
        include_str!(concat!($folder, "/", $name, ".sql"))
    };
    (@sql $folder:literal, $name:literal, $sql:expr) => {
        $sql
    };
}

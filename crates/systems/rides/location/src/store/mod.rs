pub(crate) mod driver;
pub(crate) mod work;

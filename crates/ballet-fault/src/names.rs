//! What the code works on at a point, by name.

/// Something with names to aim at.
pub trait WorksOn {
    /// The names, each as a test would write it into `aim` after the point and an `@`.
    fn names(&self) -> Vec<String>;
}

impl WorksOn for str {
    fn names(&self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl<T: WorksOn> WorksOn for [T] {
    fn names(&self) -> Vec<String> {
        self.iter().flat_map(T::names).collect()
    }
}

/// Names collected by [`works_on`](crate::works_on()) for several points.
#[derive(Debug, Default)]
pub struct Names(pub(crate) Vec<String>);

impl WorksOn for Names {
    fn names(&self) -> Vec<String> {
        self.0.clone()
    }
}

/// The deliveries that one acknowledgement covers.
#[derive(Debug, Clone, Copy)]
pub struct Acked {
    /// The highest delivery tag among them.
    pub to: u64,
    /// How many there are, counted down from `to`.
    pub count: u64,
}

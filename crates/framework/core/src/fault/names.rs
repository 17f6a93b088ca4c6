//! The names of the things that the code works on at a point.

/// A thing whose names a test can aim at.
pub trait WorksOn {
    /// Returns the names. A test writes one of them into `aim`, after the point and an `@`.
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

/// Names collected by [`works_on`](crate::fault::works_on()) for several points.
#[derive(Debug, Default)]
pub struct WorkNames(pub(crate) Vec<String>);

impl WorksOn for WorkNames {
    fn names(&self) -> Vec<String> {
        self.0.clone()
    }
}

/// The deliveries that one acknowledgement covers.
#[derive(Debug, Clone, Copy)]
pub struct AckedDeliveries {
    /// The highest delivery tag among them.
    pub to: u64,
    /// The number of deliveries, counted down from `to`.
    pub count: u64,
}

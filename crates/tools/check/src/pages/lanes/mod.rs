//! A saga as a picture: a lane for each service, time downwards. It is narrow enough for a telephone, and follows the
//! reader's light or dark scheme.

mod draw;
mod marks;
mod plan;
mod route;
#[cfg(test)]
mod tests;
mod text;

use ballet_core::Graph;

pub use marks::{Mark, Marks};

/// Returns a saga's picture as SVG, in the version under which runs begin. Empty for an unknown saga.
#[must_use]
pub fn svg(graph: &Graph, saga: &str) -> String {
    let graph = graph.in_version(saga, graph.begun_version(saga));
    let plan = plan::plan(&graph, saga, 0);
    if plan.boxes.is_empty() {
        return String::new();
    }
    draw::svg(&plan, &route::route(&plan), saga, None)
}

/// Like [`svg`], with marks on each step, and the class `lanes` instead of a style. `of` returns the marks of a
/// service's step.
#[must_use]
pub fn marked(graph: &Graph, saga: &str, of: &dyn Fn(&str, &str) -> Marks) -> String {
    let graph = graph.in_version(saga, graph.begun_version(saga));
    let plan = plan::plan(&graph, saga, marks::LINES);
    if plan.boxes.is_empty() {
        return String::new();
    }
    draw::svg(&plan, &route::route(&plan), saga, Some(of))
}

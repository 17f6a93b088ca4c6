//! A saga as a picture: a lane for each service, time downwards. It is narrow, so that it can be read on a
//! telephone, and follows the reader's light or dark scheme.

mod draw;
mod marks;
mod place;
mod route;
#[cfg(test)]
mod tests;
mod text;

use ballet_core::Graph;

pub use marks::{Mark, Marks};

/// The picture of a saga, in the version under which runs begin, as SVG. Empty for a saga that the graph does not have.
#[must_use]
pub fn svg(graph: &Graph, saga: &str) -> String {
    let graph = graph.in_version(saga, graph.begun_version(saga));
    let plan = place::plan(&graph, saga, 0);
    if plan.boxes.is_empty() {
        return String::new();
    }
    draw::svg(&plan, &route::route(&plan), saga, None)
}

/// The same with marks on each step, for a page that brings the style: it has the class `lanes`, and none of its own.
/// `of` returns the marks of a service's step.
#[must_use]
pub fn marked(graph: &Graph, saga: &str, of: &dyn Fn(&str, &str) -> Marks) -> String {
    let graph = graph.in_version(saga, graph.begun_version(saga));
    let plan = place::plan(&graph, saga, marks::LINES);
    if plan.boxes.is_empty() {
        return String::new();
    }
    draw::svg(&plan, &route::route(&plan), saga, Some(of))
}

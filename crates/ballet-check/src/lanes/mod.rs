//! A saga as a picture: a lane for each service, time downwards. It is narrow, so that it can be read on a
//! telephone, and follows the reader's light or dark scheme.

mod draw;
mod place;
mod route;
#[cfg(test)]
mod tests;
mod text;

use ballet_core::Graph;

/// The picture of a saga, in the version under which runs begin, as SVG. Empty for a saga that the graph does not have.
#[must_use]
pub fn svg(graph: &Graph, saga: &str) -> String {
    let graph = graph.in_version(saga, graph.begun_version(saga));
    let plan = place::plan(&graph, saga);
    if plan.boxes.is_empty() { String::new() } else { draw::svg(&plan, &route::route(&plan), saga) }
}

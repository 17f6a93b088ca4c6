//! Finds the route or page for a request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode, header};

use crate::config::file::{Config, IdempotencyKey};
use crate::config::rules::DOCUMENT;
use crate::config::words::Scope;
use crate::http::path::{PathPattern, begins_with};
use crate::http::problem::Problem;
use crate::limits::policy::Policy;
use crate::upstream::service::UpstreamService;

#[derive(Debug)]
pub(crate) struct Access {
    /// `None` admits everybody.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) policy: Option<Policy>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) prefix: String,
    pub(crate) methods: Vec<Method>,
    pub(crate) to: Option<String>,
    pub(crate) access: Access,
    pub(crate) service: Arc<UpstreamService>,
    pub(crate) idempotency: IdempotencyKey,
    pub(crate) deduplicates: bool,
    pub(crate) body: usize,
    pub(crate) timeout: Duration,
    pub(crate) idle: Duration,
}

#[derive(Debug)]
pub(crate) struct PagePart {
    pub(crate) name: String,
    pub(crate) path: PathPattern,
    pub(crate) service: Arc<UpstreamService>,
    pub(crate) optional: bool,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) pattern: PathPattern,
    pub(crate) access: Access,
    pub(crate) parts: Vec<PagePart>,
}

/// The document of the whole system, open to everybody.
#[derive(Debug)]
pub(crate) struct SystemDocument {
    access: Access,
    pub(crate) text: Bytes,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum RouteTarget<'a> {
    Document(&'a SystemDocument),
    Route(&'a Route),
    Page(&'a Page),
}

impl<'a> RouteTarget<'a> {
    pub(crate) fn access(self) -> &'a Access {
        match self {
            Self::Document(document) => &document.access,
            Self::Route(route) => &route.access,
            Self::Page(page) => &page.access,
        }
    }

    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Document(_) => DOCUMENT,
            Self::Route(route) => &route.prefix,
            Self::Page(page) => &page.path,
        }
    }
}

#[derive(Debug)]
pub(crate) struct RouteTable {
    document: Option<SystemDocument>,
    routes: Vec<Route>,
    pages: Vec<Page>,
}

impl RouteTable {
    /// The config was checked. Its system may have a document.
    pub(crate) fn new(
        config: &Config,
        services: &[Arc<UpstreamService>],
        document: Option<String>,
    ) -> Result<Self, String> {
        let service = |name: &str| {
            let found = services.iter().find(|service| service.name() == name);
            found.cloned().ok_or_else(|| format!("there is no upstream {name:?}"))
        };
        let policy = |rate: Option<&str>| {
            let known = config.rates.iter().find(|known| Some(&*known.name) == rate);
            known.cloned().map(Policy::of)
        };
        let access = |public: bool, scopes: Option<&[Scope]>, rate: Option<&str>| Access {
            scopes: (!public)
                .then(|| scopes.unwrap_or_default().iter().map(|scope| scope.0.clone()).collect()),
            policy: policy(rate),
        };
        let timeouts = &config.timeouts;
        let routes = config.routes.iter().map(|route| {
            Ok(Route {
                prefix: route.prefix.0.clone(),
                methods: route.methods.iter().map(|verb| verb.0.clone()).collect(),
                to: route.to.as_ref().map(|to| to.0.clone()),
                access: access(route.public, route.scopes.as_deref(), route.rate.as_deref()),
                service: service(&route.upstream)?,
                idempotency: route.idempotency,
                deduplicates: route.deduplicates,
                body: route.body.unwrap_or(config.limits.body).0,
                timeout: route.timeout.unwrap_or(timeouts.upstream).0,
                idle: route.idle.unwrap_or(timeouts.idle).0,
            })
        });
        let mut routes = routes.collect::<Result<Vec<_>, String>>()?;
        // The longest prefix decides.
        routes.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        let pages = config.pages.iter().map(|page| {
            let parts = page.parts.iter().map(|part| {
                Ok(PagePart {
                    name: part.name.clone(),
                    path: PathPattern::parse(&part.path)?,
                    service: service(&part.upstream)?,
                    optional: part.optional,
                    timeout: part.timeout.unwrap_or(timeouts.upstream).0,
                })
            });
            Ok(Page {
                path: page.path.clone(),
                pattern: PathPattern::parse(&page.path)?,
                access: access(page.public, page.scopes.as_deref(), page.rate.as_deref()),
                parts: parts.collect::<Result<_, String>>()?,
            })
        });
        let rate = config.openapi.as_ref().and_then(|openapi| openapi.rate.as_deref());
        let pages = pages.collect::<Result<Vec<_>, String>>()?;
        let document = document
            .map(|text| SystemDocument { access: access(true, None, rate), text: text.into() });
        Ok(Self { document, routes, pages })
    }

    /// The longest prefix also decides on methods: a request never falls through to a shorter one with other scopes.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<RouteTarget<'_>, Problem> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if let Some(document) = self.document_at(path).filter(|_| is_read) {
            return Ok(RouteTarget::Document(document));
        }
        let page = self.pages.iter().find(|page| page.pattern.matches(path).is_some());
        if let Some(page) = page.filter(|_| is_read) {
            return Ok(RouteTarget::Page(page));
        }
        let takes = |route: &&Route| {
            route.methods.contains(method)
                || (*method == Method::HEAD && route.methods.contains(&Method::GET))
        };
        if let Some(route) = self.at(path).find(takes) {
            return Ok(RouteTarget::Route(route));
        }
        let methods = self.methods(path);
        if methods.is_empty() {
            let hint = match self.document {
                Some(_) => format!("; {DOCUMENT} says what there is"),
                None => String::new(),
            };
            let detail = format!("there is nothing at {path}{hint}");
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
        let detail = format!("{path} takes {methods}");
        Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).with(header::ALLOW, methods))
    }

    fn document_at(&self, path: &str) -> Option<&SystemDocument> {
        self.document.as_ref().filter(|_| path == DOCUMENT)
    }

    fn at<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Route> + use<'a> {
        let longest = self.routes.iter().find(|route| begins_with(path, &route.prefix));
        let longest = longest.map(|route| route.prefix.as_str());
        let is_it = move |prefix: &str| longest.is_some_and(|it| it.eq_ignore_ascii_case(prefix));
        self.routes.iter().filter(move |route| is_it(&route.prefix))
    }

    /// The methods of the path's routes.
    pub(crate) fn methods(&self, path: &str) -> String {
        let mut methods: Vec<&str> =
            self.at(path).flat_map(|route| &route.methods).map(Method::as_str).collect();
        let is_page = self.pages.iter().any(|page| page.pattern.matches(path).is_some());
        if is_page || self.document_at(path).is_some() {
            methods.push("GET");
        }
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }
}

//! The router with a memory: what it serves is what [`Routes::table`] lists, so that the access
//! matrix (and whoever else walks every route) can forget none.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, any, on};
use http::Method;

use crate::app::App;

/// One method of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
}

/// Routes being put together. A path that ends in `[/]` is also served with a slash behind it.
#[derive(Debug, Default)]
pub(super) struct Routes {
    router: Router<App>,
    table: Vec<Route>,
}

macro_rules! methods {
    ($($name:ident $upper:ident),*) => {
        $(
            #[doc = concat!("Serves `", stringify!($upper), "` of a path.")]
            pub(super) fn $name<H, T>(self, path: &'static str, handler: H) -> Self
            where
                H: Handler<T, App>,
                T: 'static,
            {
                self.on(Method::$upper, MethodFilter::$upper, path, &handler)
            }
        )*
    };
}

impl Routes {
    /// None yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    methods!(get GET, post POST, patch PATCH, delete DELETE);

    /// Serves every method of a path; the handler itself refuses those that are not in `methods`.
    pub(super) fn any<H, T>(mut self, path: &'static str, methods: &[Method], handler: &H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let (path, forms) = forms(path);
        for method in methods {
            let method = method.clone();
            self.table.push(Route { method, path });
        }
        for form in forms {
            self.router = self.router.route(&form, any(handler.clone()));
        }
        self
    }

    /// Takes in the routes of another module.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// Wraps the routes so far.
    pub(super) fn wrap(mut self, wrap: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        self.router = wrap(self.router);
        self
    }

    /// What was put together.
    pub(super) fn router(self) -> Router<App> {
        self.router
    }

    /// Every route, in the order of the code.
    pub(super) fn table(self) -> Vec<Route> {
        self.table
    }

    fn on<H, T>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: &H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let (path, forms) = forms(path);
        self.table.push(Route { method, path });
        for form in forms {
            self.router = self.router.route(&form, on(filter, handler.clone()));
        }
        self
    }
}

/// The path and the forms it is served in.
fn forms(path: &'static str) -> (&'static str, Vec<String>) {
    match path.strip_suffix("[/]") {
        Some(path) => (path, vec![path.to_owned(), format!("{path}/")]),
        None => (path, vec![path.to_owned()]),
    }
}

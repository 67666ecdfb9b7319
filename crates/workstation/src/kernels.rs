//! Which kernels notebooks can choose here: found by whoever knows kernels, told to the cloud by the agent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wire::http::OfferedKernel;

type Looking = Pin<Box<dyn Future<Output = Vec<OfferedKernel>> + Send>>;

/// Looks which kernels there are; asked before each heartbeat, never twice at once.
#[derive(Clone)]
pub struct KernelFinder(Arc<dyn Fn() -> Looking + Send + Sync>);

impl KernelFinder {
    /// Asks this function.
    pub fn new<F, L>(look: F) -> Self
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Vec<OfferedKernel>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(look())))
    }

    pub(crate) fn look(&self) -> Looking {
        (self.0)()
    }
}

impl fmt::Debug for KernelFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KernelFinder")
    }
}

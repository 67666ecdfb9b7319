//! Notebooks that are being made: their documents are stored, and no row of the catalog names them yet.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ids of notebooks that are being made.
#[derive(Debug, Clone, Default)]
pub struct Making(Arc<Mutex<HashSet<String>>>);

/// A notebook that is being made; leaving scope says that it is made, or never will be.
#[derive(Debug)]
pub struct Unmade {
    making: Making,
    id: String,
}

impl Making {
    /// Notes that a notebook's documents are to be stored, which no collection may take.
    pub fn begin(&self, id: &str) -> Unmade {
        self.lock().insert(id.to_owned());
        Unmade {
            making: self.clone(),
            id: id.to_owned(),
        }
    }

    /// All of them.
    pub fn ids(&self) -> HashSet<String> {
        self.lock().clone()
    }

    /// The lock guards a set; a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unmade {
    fn drop(&mut self) {
        self.making.lock().remove(&self.id);
    }
}

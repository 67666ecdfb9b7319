//! What a frame touched, from the patches of its application.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Patch, PatchAction, Prop};

/// Root keys and the keys under them that some patches touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    // `None`: the root key itself was put or deleted, so anything under it may have changed.
    roots: BTreeMap<String, Option<BTreeSet<String>>>,
}

impl Touched {
    /// Collects what patches touched.
    pub fn from_patches(patches: &[Patch]) -> Self {
        let mut touched = Self::default();
        for patch in patches {
            let mut keys = patch
                .path
                .iter()
                .map(|(_, prop)| prop.clone())
                .chain(own_key(patch));
            let Some(Prop::Map(root)) = keys.next() else {
                continue;
            };
            let under = if patch.path.is_empty() {
                None
            } else {
                keys.next()
            };
            match under {
                Some(Prop::Map(key)) => {
                    let entry = touched
                        .roots
                        .entry(root)
                        .or_insert_with(|| Some(BTreeSet::new()));
                    if let Some(keys) = entry {
                        keys.insert(key);
                    }
                }
                _ => {
                    touched.roots.insert(root, None);
                }
            }
        }
        touched
    }

    /// Returns the touched root keys.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(String::as_str)
    }

    /// Returns whether a root key or anything under it was touched.
    pub fn has(&self, root: &str) -> bool {
        self.roots.contains_key(root)
    }

    /// Returns the touched keys under a root key; `None` means any.
    pub fn under(&self, root: &str) -> Option<BTreeSet<String>> {
        self.roots
            .get(root)
            .cloned()
            .unwrap_or_else(|| Some(BTreeSet::new()))
    }

    /// Returns whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

fn own_key(patch: &Patch) -> Option<Prop> {
    match &patch.action {
        PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } => {
            Some(Prop::Map(key.clone()))
        }
        PatchAction::Increment { prop, .. } | PatchAction::Conflict { prop } => Some(prop.clone()),
        _ => None,
    }
}

//! The four CRDT documents of a room: genesis, readers, writers, write policy, output manifests, .ipynb mapping.

//! Which pack has which blob.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;

use super::format::{Entry, Key};

/// Where a blob lies; a later pack has a greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) pack: u64,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// A blob takes 48 bytes here, about 80 with the tree around it: a million of them 80 MB.
#[derive(Debug, Default)]
pub(super) struct Index {
    blobs: BTreeMap<Key, Slot>,
    /// Blobs that each pack has in the index: neither removed nor in a later pack.
    living: HashMap<u64, u32>,
    /// Files that were found in the folder.
    seen: HashSet<OsString>,
    last: u64,
}

impl Index {
    /// A number for a new pack: the time, so that none comes again after a restart either, and greater than all before.
    pub(super) fn next(&mut self, now_ns: u64) -> u64 {
        self.last = now_ns.max(self.last + 1);
        self.last
    }

    /// Adds a pack, again too. Of a blob in several the last one counts; packs that thereby have none are returned.
    #[must_use = "the files of dead packs are to be removed"]
    pub(super) fn add(&mut self, pack: u64, entries: Vec<Entry>) -> Vec<u64> {
        self.last = self.last.max(pack);
        let mut dead = Vec::new();
        for Entry {
            key,
            offset,
            length,
        } in entries
        {
            let slot = Slot {
                pack,
                offset,
                length,
            };
            match self.blobs.entry(key) {
                Place::Vacant(place) => drop(place.insert(slot)),
                Place::Occupied(mut place) if place.get().pack < pack => {
                    let left = place.insert(slot).pack;
                    dead.extend(self.leave(left));
                }
                Place::Occupied(_) => continue,
            }
            *self.living.entry(pack).or_default() += 1;
        }
        if !self.living.contains_key(&pack) {
            dead.push(pack);
        }
        dead
    }

    /// Forgets a blob; the pack that had it, if it has none any more.
    #[must_use = "the file of a dead pack is to be removed"]
    pub(super) fn remove(&mut self, key: &Key) -> Option<u64> {
        let slot = self.blobs.remove(key)?;
        self.leave(slot.pack)
    }

    fn leave(&mut self, pack: u64) -> Option<u64> {
        let living = self.living.get_mut(&pack)?;
        *living -= 1;
        if *living > 0 {
            return None;
        }
        self.living.remove(&pack);
        Some(pack)
    }

    pub(super) fn slot(&self, key: &Key) -> Option<Slot> {
        self.blobs.get(key).copied()
    }

    /// The blobs whose names begin with a byte.
    pub(super) fn shelf(&self, first: u8) -> Vec<(Key, Slot)> {
        let (mut from, mut to) = ([0; 32], [u8::MAX; 32]);
        (from[0], to[0]) = (first, first);
        let shelf = self.blobs.range(from..=to);
        shelf.map(|(key, slot)| (*key, *slot)).collect()
    }

    pub(super) fn has_seen(&self, file: &OsString) -> bool {
        self.seen.contains(file)
    }

    pub(super) fn saw(&mut self, file: OsString) {
        self.seen.insert(file);
    }
}

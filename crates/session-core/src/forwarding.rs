//! Values of widgets that others changed, to the kernel: whole, whatever of them lies in blobs (WS 4.16, documents 9).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use documents::comms::{references, unfold};
use serde_json::{Map, Value, json};

use crate::comms::FORWARDED;
use crate::event::Effect;
use crate::session::{Kernel, Session};
use crate::widgets::Trait;

/// Traits that never go back to the kernel.
pub(crate) const CANVAS_KEY: &str = "_nteract_mpl_canvas";
/// Traits that may wait for their blobs; those beyond are left out.
const WAITING_MAX: usize = 256;
/// Most bytes of one value that are fetched.
const VALUE_BYTES: u64 = 64 * 1024 * 1024;

/// Values that wait for what they name.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    waiting: BTreeSet<Trait>,
    asked: HashSet<String>,
    /// What has come for those that still wait for more.
    have: HashMap<String, Vec<u8>>,
}

/// What one comm is told.
#[derive(Default)]
struct Update {
    keys: BTreeSet<String>,
    state: Map<String, Value>,
    paths: Vec<Value>,
    buffers: Vec<Vec<u8>>,
}

impl Session {
    /// Sends to the kernel what others changed: only those traits, only open comms (WS-330).
    pub(crate) fn forward_comm_changes(&mut self, changed: &BTreeSet<Vec<String>>) {
        let changed = changed.iter().filter_map(|keys| match keys.as_slice() {
            [first, comm_id, key] if first == "comms" && key != CANVAS_KEY => {
                Some((comm_id.clone(), key.clone()))
            }
            _ => None,
        });
        self.forward(changed.collect());
    }

    /// A blob came, or it cannot be had: then the kernel keeps the value that it has.
    pub(crate) fn blob_fetched(&mut self, sha256: String, bytes: Option<Vec<u8>>) {
        self.widgets.fetches.asked.remove(&sha256);
        let mut waiting = std::mem::take(&mut self.widgets.fetches.waiting);
        match bytes {
            Some(bytes) => drop(self.widgets.fetches.have.insert(sha256, bytes)),
            None => {
                if let Some(comms) = self.comms.as_ref() {
                    let needs = |(comm_id, key): &Trait| {
                        let value = comms.doc.value(comm_id, key).unwrap_or_default();
                        references(&value).iter().any(|(hash, _)| *hash == sha256)
                    };
                    waiting.retain(|one| !needs(one));
                }
            }
        }
        self.forward(waiting);
    }

    /// Tells the kernel the values that traits have now, comm by comm.
    pub(crate) fn forward(&mut self, mut traits: BTreeSet<Trait>) {
        let (Some(state), Some(comms)) = (self.state.as_ref(), self.comms.as_ref()) else {
            return;
        };
        if self.kernel != Kernel::Ready {
            return;
        }
        traits.retain(|one| !self.widgets.on_their_way.hold(one));
        let fetches = &mut self.widgets.fetches;
        let mut updates: BTreeMap<String, Update> = BTreeMap::new();
        for one in traits {
            let (comm_id, key) = &one;
            fetches.waiting.remove(&one);
            let value = comms.doc.value(comm_id, key);
            let Some(value) = value.filter(|_| state.doc.has_comm(comm_id)) else {
                continue;
            };
            let named = references(&value);
            let missing = named.iter().map(|(hash, _)| *hash);
            let missing: BTreeSet<&str> = missing
                .filter(|hash| !fetches.have.contains_key(*hash))
                .collect();
            if !missing.is_empty() {
                let bytes: u64 = named
                    .iter()
                    .map(|(_, size)| *size)
                    .fold(0, u64::saturating_add);
                if bytes > VALUE_BYTES || fetches.waiting.len() >= WAITING_MAX {
                    self.effects.push(Effect::Warn(format!(
                        "a value of comm {comm_id} does not reach the kernel: it has {bytes} bytes in blobs"
                    )));
                    continue;
                }
                for hash in missing {
                    if fetches.asked.insert(hash.to_owned()) {
                        let sha256 = hash.to_owned();
                        self.effects.push(Effect::FetchBlob { sha256 });
                    }
                }
                fetches.waiting.insert(one);
                continue;
            }
            let update = updates.entry(comm_id.clone()).or_default();
            let blobs = |hash: &str| fetches.have.get(hash).cloned();
            let (mut path, mut buffers) = (vec![key.as_str().into()], Vec::new());
            if let Some(value) = unfold(value, &mut path, &blobs, &mut buffers) {
                update.state.insert(key.clone(), as_javascript_tells(value));
            }
            for (path, bytes) in buffers {
                update.paths.push(path.into());
                update.buffers.push(bytes);
            }
            update.keys.insert(key.clone());
        }
        if fetches.waiting.is_empty() && !self.widgets.on_their_way.is_holding() {
            fetches.have.clear();
        }
        for (comm_id, update) in updates {
            let data =
                json!({"method": "update", "state": update.state, "buffer_paths": update.paths});
            let mut message = self.message("comm_msg", json!({"comm_id": comm_id, "data": data}));
            message.msg_id.insert_str(0, FORWARDED);
            message.buffers = update.buffers;
            let on_their_way = &mut self.widgets.on_their_way;
            on_their_way.sent(&comm_id, update.keys, &message.msg_id);
            self.effects.push(Effect::SendToKernel(Box::new(message)));
        }
    }
}

/// Kernels know whole numbers as clients in JavaScript send them, without a fraction; in documents of some of these they
/// float all the same.
fn as_javascript_tells(value: Value) -> Value {
    /// Beyond it floating numbers skip whole ones.
    const MOST: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < MOST => (float as i64).into(),
            _ => number.into(),
        },
        Value::Array(items) => items.into_iter().map(as_javascript_tells).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, as_javascript_tells(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

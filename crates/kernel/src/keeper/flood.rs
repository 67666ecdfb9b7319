//! A journal has a limit: output beyond it is cut, with a note in its place (decision D10).

use bytes::Bytes;

use crate::journal::{Channel, JournalWriter, request_of};
use crate::protocol::KeeperEvent;

/// What widgets say may take this much more of the limit (one part in so many): without it they show what is not.
const COMM_RESERVE: u64 = 4;

/// What happens to a broadcast.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    /// Dropped, which is to be noted.
    Cut,
    /// Dropped like what came before it.
    Gone,
}

/// Watches one kernel's broadcasts.
#[derive(Debug)]
pub(super) struct Flood {
    limit: u64,
    /// The request whose output is cut from here on.
    cut: Option<String>,
}

impl Flood {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, cut: None }
    }

    /// Appends a broadcast of the kernel if there is room for it.
    pub(super) async fn append(&mut self, journal: &JournalWriter, parts: Vec<Bytes>) -> bool {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        match self.judge(journal.size() + bytes, &parts) {
            Verdict::Kept => journal.append(Channel::Iopub, parts).await,
            Verdict::Gone => true,
            Verdict::Cut => {
                let event = KeeperEvent::Dropped {
                    channel: Channel::Iopub,
                    bytes,
                    parent: request_of(&parts),
                    disk_full: false,
                    and_more: true,
                };
                journal.append_event(&event).await
            }
        }
    }

    fn judge(&mut self, size: u64, parts: &[Bytes]) -> Verdict {
        let full = size > self.limit;
        if !full && self.cut.is_none() {
            return Verdict::Kept;
        }
        match kind_of(parts).as_str() {
            // Small, and nothing ends without them.
            "status" | "execute_input" | "error" | "comm_open" | "comm_close" => Verdict::Kept,
            "comm_msg" if size <= self.limit + self.limit / COMM_RESERVE => Verdict::Kept,
            _ => {
                let request = request_of(parts).unwrap_or_default();
                if self.cut.as_ref() == Some(&request) {
                    return Verdict::Gone;
                }
                self.cut = full.then_some(request);
                if full { Verdict::Cut } else { Verdict::Kept }
            }
        }
    }
}

fn kind_of(parts: &[Bytes]) -> String {
    let header = parts.first().and_then(|part| wire::json::parse(part).ok());
    let kind = header.and_then(|header| header["msg_type"].as_str().map(str::to_owned));
    kind.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(kind: &str, request: &str) -> Vec<Bytes> {
        let header = json!({"msg_type": kind}).to_string();
        let parent = json!({"msg_id": request}).to_string();
        vec![header.into(), parent.into()]
    }

    #[test]
    fn what_has_no_room_is_cut_with_one_note_for_each_request() {
        let mut flood = Flood::new(1000);
        let mut judge = |size, kind, request| flood.judge(size, &message(kind, request));
        assert_eq!(judge(1000, "stream", "a"), Verdict::Kept);
        assert_eq!(judge(1001, "stream", "a"), Verdict::Cut);
        assert_eq!(judge(1001, "display_data", "a"), Verdict::Gone);
        for kind in ["status", "error", "execute_input", "comm_msg"] {
            assert_eq!(judge(1001, kind, "a"), Verdict::Kept, "{kind}");
        }
        assert_eq!(judge(1251, "comm_msg", "a"), Verdict::Gone);
        // The middle of a text is never missing: what is cut stays cut.
        assert_eq!(judge(10, "stream", "a"), Verdict::Gone);
        assert_eq!(judge(10, "stream", "b"), Verdict::Kept);
        assert_eq!(judge(2000, "stream", "b"), Verdict::Cut);
    }
}

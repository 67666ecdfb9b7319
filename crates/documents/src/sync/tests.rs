use serde_json::Value;

use super::{PeerSync, carries_changes};
use crate::NotebookDoc;
use crate::genesis::{DocKind, heads_hex};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

// DOC-025
#[test]
fn a_fresh_client_follows_the_recorded_transcript() {
    let text = std::fs::read(format!("{VECTORS}/sync_transcript_notebook.json")).unwrap();
    let steps: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let sample = std::fs::read(format!("{VECTORS}/sample_notebook.am")).unwrap();
    let mut server = NotebookDoc::load(&sample, "system:room/room:1").unwrap();
    let mut client = NotebookDoc::from_seed("user:x/browser:1").unwrap();
    let (mut to_client, mut to_server) = (PeerSync::new(false), PeerSync::new(false));
    for step in &steps {
        let recorded = from_hex(step["hex"].as_str().unwrap());
        let changes = step["changes"].as_u64().unwrap() > 0;
        assert_eq!(carries_changes(&recorded), Some(changes));
        if step["from"] == "server" {
            assert!(to_client.generate(server.doc_mut()).is_some());
            to_server.receive(client.doc_mut(), &recorded).unwrap();
        } else {
            assert!(to_server.generate(client.doc_mut()).is_some());
            to_client.receive(server.doc_mut(), &recorded).unwrap();
        }
    }
    assert_eq!(client.heads(), server.heads());
    assert_eq!(client.cells(), server.cells());
}

#[test]
fn first_messages_equal_the_worked_frames() {
    let cases = [
        (DocKind::Notebook, "07f0"),
        (DocKind::RuntimeState, "8074"),
        (DocKind::Comms, "c41b"),
        (DocKind::Comments, "8888"),
    ];
    for (kind, bloom) in cases {
        for (read_only, flags) in [(false, "84"), (true, "86")] {
            let mut doc = kind.fresh("t").unwrap();
            let message = PeerSync::new(read_only).generate(&mut doc).unwrap();
            let head = &heads_hex(&doc.get_heads())[0];
            let expected = format!("4201{head}00010005010a07{bloom}000202{flags}");
            assert_eq!(message, from_hex(&expected), "{kind:?} {read_only}");
        }
    }
}

#[test]
fn junk_is_an_error() {
    let mut doc = DocKind::Comms.fresh("t").unwrap();
    assert!(PeerSync::new(false).receive(&mut doc, b"junk").is_err());
    assert_eq!(carries_changes(b"junk"), None);
}

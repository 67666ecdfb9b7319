use automerge::transaction::Transactable;
use serde_json::Value;

use super::{CommentsDoc, is_valid_id};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

// DOC-174
#[test]
fn the_sample_reads_as_its_projection() {
    let bytes = std::fs::read(format!("{VECTORS}/sample_comments.am")).unwrap();
    let comments = CommentsDoc::load(&bytes, "t").unwrap();
    let text = std::fs::read(format!("{VECTORS}/sample_comments.projection.json")).unwrap();
    let expected: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        comments.doc_id(),
        expected["comments_doc_id"].as_str().unwrap()
    );
    let (threads, wanted) = (comments.threads(), expected["threads"].as_array().unwrap());
    assert_eq!(threads.len(), wanted.len());
    for (thread, wanted) in threads.iter().zip(wanted) {
        for key in ["created_by_actor_label", "resolved_by_actor_label"] {
            if let Some(label) = wanted[key].as_str() {
                assert!(comments.authors().contains(label), "{key} {label}");
            }
        }
        for key in [
            "id",
            "anchor",
            "position",
            "status",
            "created_at",
            "resolved_at",
        ] {
            assert_eq!(thread[key], wanted[key], "{key}");
        }
        let (messages, wanted) = (thread["messages"].as_array().unwrap(), &wanted["messages"]);
        for (message, wanted) in messages.iter().zip(wanted.as_array().unwrap()) {
            for key in ["id", "position", "body", "created_at"] {
                assert_eq!(message[key], wanted[key], "{key}");
            }
        }
    }
}

// DOC-172 DOC-173
#[test]
fn a_host_repairs_its_identity() {
    let mut comments = CommentsDoc::hosted_bootstrap("nb1").unwrap();
    assert_eq!(comments.doc_id(), "comments:nb1");
    assert!(!comments.repair_identity("nb1").unwrap());
    comments
        .doc_mut()
        .put(automerge::ROOT, "comments_doc_id", "comments:other")
        .unwrap();
    assert!(comments.repair_identity("nb1").unwrap());
    assert_eq!(comments.doc_id(), "comments:nb1");
    assert!(is_valid_id("comments:nb1"));
    for bad in [
        "comments:",
        "other:nb1",
        "comments: x",
        "comments:a/b",
        "comments:a\\b",
    ] {
        assert!(!is_valid_id(bad), "{bad}");
    }
}

// DOC-177
#[test]
fn a_thread_opened_again_shows_no_time_of_its_end() {
    let bytes = std::fs::read(format!("{VECTORS}/sample_comments.am")).unwrap();
    let mut comments = CommentsDoc::load(&bytes, "t").unwrap();
    assert!(comments.threads()[0]["resolved_at"].is_string());
    let threads = comments.reader().root_map("threads").unwrap();
    let thread = comments.reader().map(&threads, "thread-1").unwrap();
    comments.doc_mut().put(&thread, "status", "open").unwrap();
    assert_eq!(comments.threads()[0]["status"], "open");
    assert_eq!(comments.threads()[0].get("resolved_at"), None);
    assert!(comments.reader().str(&thread, "resolved_at").is_some());
}

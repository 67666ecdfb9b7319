use automerge::transaction::Transactable;
use serde_json::{Value, json};

use super::{Anchor, AnchorError, CommentError, CommentsDoc, NewMessage, is_valid_id};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

// DOC-174 DOC-176
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
        for key in [
            "id",
            "anchor",
            "position",
            "status",
            "created_at",
            "resolved_at",
            "created_by_actor_label",
            "resolved_by_actor_label",
        ] {
            assert_eq!(thread[key], wanted[key], "{key}");
        }
        let (messages, wanted) = (thread["messages"].as_array().unwrap(), &wanted["messages"]);
        for (message, wanted) in messages.iter().zip(wanted.as_array().unwrap()) {
            for key in [
                "id",
                "position",
                "body",
                "created_at",
                "created_by_actor_label",
            ] {
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

fn said<'a>(id: &'a str, body: &'a str) -> NewMessage<'a> {
    NewMessage {
        id,
        body,
        created_at: "2026-01-02T03:04:05Z",
    }
}

/// `quote` from the 6th to the 10th UTF-16 unit of the first line.
fn range(quote: Option<&str>) -> Anchor {
    serde_json::from_value(json!({"kind": "source_range", "cell_id": "c", "start_line": 0, "start_column": 6,
        "end_line": 0, "end_column": 10, "prefix_quote": null, "exact_quote": quote, "suffix_quote": null}))
    .unwrap()
}

// DOC-175
#[test]
fn doc_175_a_reply_comes_first_or_after_the_one_it_names() {
    let mut comments = CommentsDoc::hosted_bootstrap("nb").unwrap();
    comments.set_actor("user:ada/browser:1");
    comments
        .create_thread("t", &Anchor::Notebook, "", None, &said("m1", "one"))
        .unwrap();
    comments.set_actor("user:eve/browser:2");
    comments.reply("t", Some("m1"), &said("m2", "two")).unwrap();
    comments.reply("t", None, &said("m0", "zero")).unwrap();
    comments
        .reply("t", Some("m1"), &said("m1b", "between"))
        .unwrap();
    let threads = comments.threads();
    let messages = threads[0]["messages"].as_array().unwrap();
    let bodies: Vec<&Value> = messages.iter().map(|message| &message["body"]).collect();
    assert_eq!(bodies, ["zero", "one", "between", "two"]);
    // DOC-176
    let authors: Vec<&Value> = messages
        .iter()
        .map(|message| &message["created_by_actor_label"])
        .collect();
    let (ada, eve) = ("user:ada/browser:1", "user:eve/browser:2");
    assert_eq!(authors, [eve, ada, eve, eve]);
    assert_eq!(threads[0]["created_by_actor_label"], ada);
    assert!(comments.resolve("t", Some("2026-01-03T00:00:00Z")).unwrap());
    assert_eq!(comments.threads()[0]["resolved_by_actor_label"], eve);
    for (refused, is_taken) in [
        (comments.reply("t", Some("other"), &said("m3", "")), false),
        (comments.reply("other", None, &said("m3", "")), false),
        (comments.reply("t", None, &said("m2", "")), true),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(
            matches!(refused, CommentError::Exists(_)),
            is_taken,
            "{refused}"
        );
    }
}

#[test]
fn a_thread_comes_first_or_after_another_of_its_scope() {
    let mut comments = CommentsDoc::hosted_bootstrap("nb").unwrap();
    let cell = Anchor::Cell {
        cell_id: "c".to_owned(),
        observed_cell_position: None,
    };
    let mut begin = |id: &str, anchor: &Anchor, after| {
        comments.create_thread(id, anchor, "", after, &said("m", "text"))
    };
    begin("t1", &cell, None).unwrap();
    begin("t2", &cell, Some("t1")).unwrap();
    begin("t0", &cell, None).unwrap();
    begin("n", &Anchor::Notebook, None).unwrap();
    assert!(begin("x", &Anchor::Notebook, Some("t1")).is_err());
    assert!(begin("t1", &cell, None).is_err());
    let threads = comments.threads();
    let ids: Vec<&Value> = threads.iter().map(|thread| &thread["id"]).collect();
    assert_eq!(ids, ["t0", "t1", "t2", "n"]);
    assert!(comments.demote("t0").unwrap());
    assert_eq!(comments.threads()[2]["id"], "t0");
}

// DOC-178
#[test]
fn doc_178_a_range_that_runs_backwards_or_quotes_too_much_is_refused() {
    let mut backwards = serde_json::to_value(range(None)).unwrap();
    backwards["start_column"] = 11.into();
    let backwards: Anchor = serde_json::from_value(backwards).unwrap();
    let mut comments = CommentsDoc::hosted_bootstrap("nb").unwrap();
    let mut begin = |anchor: &Anchor, source: &str| {
        comments.create_thread("t", anchor, source, None, &said("m", "text"))
    };
    let refused = begin(&backwards, "hello world").unwrap_err();
    assert!(matches!(
        refused,
        CommentError::Anchor(AnchorError::Backwards)
    ));
    let long = "é".repeat(2049);
    let refused = begin(&range(Some(&long)), &long).unwrap_err();
    assert!(matches!(
        refused,
        CommentError::Anchor(AnchorError::LongQuote)
    ));
    let longest = "é".repeat(2048);
    begin(&range(Some(&longest)), &longest).unwrap();
}

// DOC-179
#[test]
fn doc_179_a_range_whose_text_moved_is_taken_while_the_quote_still_occurs() {
    // Columns are UTF-16 units: the smile counts as two.
    let there = range(Some("wörl"));
    for (source, fits) in [
        ("hi 😀 wörld", true),
        ("# more\nhi 😀 wörld", true),
        ("hi 😀 word", false),
        ("", false),
    ] {
        let expected = if fits {
            Ok(())
        } else {
            Err(AnchorError::NoSuchText)
        };
        assert_eq!(there.check_source(source), expected, "{source}");
    }
    assert_eq!(range(None).check_source("other"), Ok(()));
    // An empty quote occurs everywhere and says nothing: only the place counts.
    assert_eq!(
        range(Some("")).check_source("0123456789"),
        Err(AnchorError::NoSuchText)
    );
}

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, ObjId, ObjType, ROOT, ScalarValue};

use super::{DocKind, actor_id, heads_hex};

// DOC-001 DOC-002 DOC-003 DOC-004 DOC-008 DOC-030
#[test]
fn seeds_load_with_their_heads() {
    for kind in DocKind::ALL {
        let mut doc = kind.fresh("local:a/desktop:1").unwrap();
        assert_eq!(heads_hex(&doc.get_heads()), [kind.seed_head()], "{kind:?}");
        assert_eq!(doc.get_actor().to_bytes(), b"local:a/desktop:1");
    }
}

// DOC-007
#[test]
fn seeds_are_the_frozen_files() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    for (kind, name, sha256) in [
        (
            DocKind::Notebook,
            "notebook_genesis_v5",
            "0b66104e886bd2b2cc9d2b336706d68fca5f8c3f09e5d86b7cc3c60a18a31559",
        ),
        (
            DocKind::RuntimeState,
            "runtime_state_genesis_v2",
            "4061960c6147df12e73587ef36e6b83a7b70edb831e663f0bee0d0b6538a945c",
        ),
        (
            DocKind::Comms,
            "comms_doc_genesis_v1",
            "7d6812ed446475b3ff8c71338027b93af6bf7c0dd64077921d8ebeaadd7f2c72",
        ),
        (
            DocKind::Comments,
            "comments_doc_genesis_v1",
            "604eca541efa059a081b2390238b780af5f3f23b6a9b0ec540889117fc13c886",
        ),
    ] {
        let file = std::fs::read(format!("{vectors}/{name}.am")).unwrap();
        assert_eq!(kind.seed(), file, "{name}");
        assert_eq!(crate::manifest::sha256_hex(kind.seed()), sha256, "{name}");
    }
}

// DOC-009
#[test]
fn an_author_is_the_bytes_of_its_label() {
    let text = include_str!("../../../../tests/vectors/actor_labels.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let labels = cases.iter().filter(|case| case["ok"] == true);
    for case in labels.clone() {
        let label = case["label"].as_str().unwrap();
        let hex = actor_id(label).to_hex_string();
        assert_eq!(case["actor_bytes_hex"], hex, "{label}");
    }
    assert!(labels.count() > 0);
}

// DOC-010
#[test]
fn an_author_that_is_no_text_is_shown_in_hex() {
    assert_eq!(wire::actor::actor_text(b"user:x/t:1"), "user:x/t:1");
    assert_eq!(wire::actor::actor_text(&[0xff, 0x0a, 0xc3]), "ff0ac3");
}

// DOC-018
#[test]
fn peers_that_count_differently_converge() {
    use automerge::{LoadOptions, ReadDoc, TextEncoding};
    let load = |encoding: TextEncoding, actor: &str| {
        let options = LoadOptions::new().text_encoding(encoding);
        AutoCommit::load_with_options(DocKind::Notebook.seed(), options)
            .unwrap()
            .with_actor(actor_id(actor))
    };
    let mut browser = load(TextEncoding::Utf16CodeUnit, "user:x/browser:1");
    let mut native = load(TextEncoding::UnicodeCodePoint, "user:x/agent:1");
    let text = browser.put_object(ROOT, "text", ObjType::Text).unwrap();
    browser.splice_text(&text, 0, 0, "a😀b").unwrap();
    native.merge(&mut browser).unwrap();
    assert_eq!((browser.length(&text), native.length(&text)), (4, 3));
    // Both write around the same character, each by its own count.
    browser.splice_text(&text, 3, 0, "𝄞").unwrap();
    native.splice_text(&text, 3, 0, "é😀").unwrap();
    native.merge(&mut browser).unwrap();
    browser.merge(&mut native).unwrap();
    assert_eq!(browser.text(&text).unwrap(), "a😀𝄞bé😀");
    assert_eq!(native.text(&text), browser.text(&text));
    assert_eq!(native.get_heads(), browser.get_heads());
}

fn build(actor: &str, message: &str, ops: impl FnOnce(&mut AutoCommit)) -> Vec<String> {
    let mut doc = AutoCommit::new();
    doc.set_actor(actor_id(actor));
    ops(&mut doc);
    doc.commit_with(CommitOptions::default().with_message(message).with_time(0));
    heads_hex(&doc.get_heads())
}

fn map(doc: &mut AutoCommit, obj: &ObjId, key: &str) -> ObjId {
    doc.put_object(obj, key, ObjType::Map).unwrap()
}

fn lists(doc: &mut AutoCommit, obj: &ObjId, keys: &[&str]) {
    for key in keys {
        doc.put_object(obj, *key, ObjType::List).unwrap();
    }
}

fn texts(doc: &mut AutoCommit, obj: &ObjId, fields: &[(&str, &str)]) {
    for (key, value) in fields {
        doc.put(obj, *key, *value).unwrap();
    }
}

// DOC-005 DOC-006
#[test]
fn small_seeds_are_rebuilt_from_their_operations() {
    let notebook = build(
        "nteract:notebook-schema:v5",
        "Seed nteract notebook schema",
        |doc| {
            doc.put(ROOT, "schema_version", 5_u64).unwrap();
            map(doc, &ROOT, "cells");
            map(doc, &ROOT, "metadata");
        },
    );
    assert_eq!(notebook, [DocKind::Notebook.seed_head()]);
    let comms = build(
        "nteract:comms-doc-schema:v1",
        "Seed nteract comms doc schema",
        |doc| {
            doc.put(ROOT, "schema_version", 1_u64).unwrap();
            map(doc, &ROOT, "comms");
        },
    );
    assert_eq!(comms, [DocKind::Comms.seed_head()]);
    let comments = build(
        "nteract:comments-doc-schema:v1",
        "Seed nteract comments doc schema",
        |doc| {
            doc.put(ROOT, "schema_version", 1_u64).unwrap();
            doc.put(ROOT, "comments_doc_id", "").unwrap();
            map(doc, &ROOT, "notebook_ref");
            map(doc, &ROOT, "threads");
        },
    );
    assert_eq!(comments, [DocKind::Comments.seed_head()]);
}

// DOC-005 DOC-006
#[test]
fn the_runtime_state_seed_is_rebuilt_from_its_operations() {
    let heads = build(
        "nteract:runtime-state-schema:v2",
        "Seed nteract runtime state schema",
        |doc| {
            doc.put(ROOT, "schema_version", 2_u64).unwrap();
            let kernel = map(doc, &ROOT, "kernel");
            texts(
                doc,
                &kernel,
                &[("name", ""), ("language", ""), ("env_source", "")],
            );
            texts(
                doc,
                &kernel,
                &[("runtime_agent_id", ""), ("lifecycle", "NotStarted")],
            );
            texts(
                doc,
                &kernel,
                &[
                    ("activity", ""),
                    ("error_reason", ""),
                    ("error_details", ""),
                ],
            );
            let queue = map(doc, &ROOT, "queue");
            doc.put(&queue, "executing_execution_id", ScalarValue::Null)
                .unwrap();
            lists(doc, &queue, &["queued_execution_ids"]);
            map(doc, &ROOT, "executions");
            let env = map(doc, &ROOT, "env");
            doc.put(&env, "in_sync", true).unwrap();
            lists(doc, &env, &["added", "removed"]);
            doc.put(&env, "channels_changed", false).unwrap();
            doc.put(&env, "deno_changed", false).unwrap();
            lists(doc, &env, &["prewarmed_packages"]);
            doc.put(&env, "progress", ScalarValue::Null).unwrap();
            let trust = map(doc, &ROOT, "trust");
            doc.put(&trust, "status", "no_dependencies").unwrap();
            doc.put(&trust, "needs_approval", false).unwrap();
            lists(
                doc,
                &trust,
                &["approved_uv_dependencies", "approved_conda_dependencies"],
            );
            lists(
                doc,
                &trust,
                &["approved_conda_channels", "approved_pixi_dependencies"],
            );
            lists(
                doc,
                &trust,
                &["approved_pixi_pypi_dependencies", "approved_pixi_channels"],
            );
            let context = map(doc, &ROOT, "project_context");
            texts(
                doc,
                &context,
                &[("state", "pending"), ("observed_at", ""), ("kind", "")],
            );
            texts(
                doc,
                &context,
                &[("absolute_path", ""), ("relative_to_notebook", "")],
            );
            texts(
                doc,
                &context,
                &[("unreadable_path", ""), ("unreadable_reason", "")],
            );
            let parsed = map(doc, &context, "parsed");
            lists(doc, &parsed, &["dependencies", "dev_dependencies"]);
            doc.put(&parsed, "requires_python", ScalarValue::Null)
                .unwrap();
            doc.put(&parsed, "prerelease", ScalarValue::Null).unwrap();
            doc.put(&parsed, "extras", "").unwrap();
            map(doc, &ROOT, "comms");
            map(doc, &ROOT, "display_index");
            doc.put(ROOT, "last_saved", ScalarValue::Null).unwrap();
            doc.put(ROOT, "path", ScalarValue::Null).unwrap();
        },
    );
    assert_eq!(heads, [DocKind::RuntimeState.seed_head()]);
}

// DOC-026
#[test]
fn every_vector_loads_with_its_heads() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let index = std::fs::read(format!("{vectors}/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    for (name, entry) in index.as_object().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let mut doc =
            AutoCommit::load(&std::fs::read(format!("{vectors}/{file}")).unwrap()).unwrap();
        assert_eq!(
            serde_json::json!(heads_hex(&doc.get_heads())),
            entry["heads"],
            "{name}"
        );
    }
}

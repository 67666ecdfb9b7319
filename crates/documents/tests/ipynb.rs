//! The file format against the recorded cases.
#![allow(clippy::unwrap_used)]

use documents::ipynb::{ExportCell, ExportNotebook, export, import, legacy_cell_id};
use serde_json::{Value, json};
use uuid::Uuid;

fn room() -> Uuid {
    Uuid::parse_str("6f1d3c2a-9b7e-4c55-8a21-0d9e4f7b1c33").unwrap()
}

fn notebook_of(case: &Value) -> ExportNotebook {
    let cells = case["cells"].as_array().unwrap().iter().map(|c| {
        let id = c["id"].as_str().unwrap().to_owned();
        let outputs = case["resolved_outputs"]
            .get(&id)
            .and_then(Value::as_array)
            .cloned();
        ExportCell {
            cell_type: c["cell_type"].as_str().unwrap().to_owned(),
            source: c["source"].as_str().unwrap().to_owned(),
            execution_count: case["runtime_execution_counts"]
                .get(&id)
                .and_then(Value::as_i64),
            fallback_count: c["execution_count"].as_str().unwrap().to_owned(),
            metadata: c["metadata"].clone(),
            attachments: case["attachments"].get(&id).cloned(),
            outputs: outputs.unwrap_or_default(),
            id,
        }
    });
    ExportNotebook {
        metadata: case["metadata"].clone(),
        nbformat_minor: case["nbformat_minor"].as_i64().unwrap(),
        cells: cells.collect(),
    }
}

/// The reason inside a marker is free text; only its frame is compared.
fn without_marker_reasons(text: &str) -> String {
    text.lines()
        .map(|line| {
            line.split("could not be serialized:")
                .next()
                .unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

// DOC-186 DOC-187 DOC-188 DOC-189 DOC-190 DOC-191 DOC-192 DOC-193 DOC-194 DOC-197
#[test]
fn recorded_cases_export_as_recorded() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/vectors/ipynb_export.json")).unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let name = case["case"].as_str().unwrap();
        let result = export(&notebook_of(&case), &|_| None);
        match case.get("ipynb_text").and_then(Value::as_str) {
            Some(expected) => assert_eq!(
                without_marker_reasons(&result.unwrap()),
                without_marker_reasons(expected),
                "case `{name}`"
            ),
            // Legal in nbformat 4.5; the reference refuses it (quirk Q11).
            None if name == "cell metadata scrolled: auto" => assert!(result.is_ok()),
            None => assert!(result.is_err(), "case `{name}`"),
        }
    }
}

// DOC-185
#[test]
fn importing_and_exporting_the_sample_gives_the_same_bytes() {
    let text = include_str!("../../../tests/vectors/sample.ipynb");
    let mut n = 0;
    let notebook = import(text, room(), &|_| false, &mut || {
        n += 1;
        format!("o{n}")
    })
    .unwrap();
    assert_eq!(notebook.blobs.len(), 1);
    assert_eq!(
        notebook.blobs[0].bytes,
        include_bytes!("../../../tests/vectors/sample_blob.png")
    );
    let cells = notebook.cells.iter().map(|c| ExportCell {
        id: c.id.clone(),
        cell_type: c.cell_type.clone(),
        source: c.source.clone(),
        execution_count: c.execution_count,
        fallback_count: "null".into(),
        metadata: c.metadata.clone(),
        attachments: c.attachments.clone(),
        outputs: c.outputs.clone(),
    });
    let again = ExportNotebook {
        metadata: notebook.metadata.clone(),
        nbformat_minor: notebook.nbformat_minor,
        cells: cells.collect(),
    };
    let blobs = |hash: &str| {
        notebook
            .blobs
            .iter()
            .find(|b| b.sha256 == hash)
            .map(|b| b.bytes.clone())
    };
    assert_eq!(export(&again, &blobs).unwrap(), text);
}

// nbformat's `strip_transient`; a double keeps its last digit.
#[test]
fn files_carry_no_notes_about_files_and_every_digit() {
    let cell = |id: &str, kind: &str| ExportCell {
        id: id.to_owned(),
        cell_type: kind.to_owned(),
        metadata: json!({"trusted": true, "name": "n"}),
        ..ExportCell::default()
    };
    let metadata = r#"{"duration": 3.6040260791778564, "orig_nbformat": 3, "orig_nbformat_minor": 0,
        "signature": "sha256:x", "title": "t"}"#;
    let notebook = ExportNotebook {
        metadata: serde_json::from_str(metadata).unwrap(),
        nbformat_minor: 5,
        cells: vec![cell("a", "code"), cell("b", "markdown")],
    };
    let text = export(&notebook, &|_| None).unwrap();
    assert!(text.contains("3.6040260791778564"), "{text}");
    let file: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&String> = file["metadata"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["duration", "title"]);
    assert_eq!(file["cells"][0]["metadata"], json!({"name": "n"}));
    assert_eq!(file["cells"][1]["metadata"]["trusted"], true);
}

// DOC-198
#[test]
fn a_cell_without_id_gets_one_from_its_place() {
    assert_eq!(
        legacy_cell_id(room(), 0),
        "a76a340e-fdb3-5e50-99fc-d68661d72e49"
    );
    let text = r#"{"cells": [7, {"source": ["a\n", "b"]}]}"#;
    let notebook = import(text, room(), &|_| false, &mut String::new).unwrap();
    assert_eq!(notebook.cells[0].id, legacy_cell_id(room(), 1));
    assert_eq!(notebook.cells[0].cell_type, "code");
    assert_eq!(notebook.cells[0].source, "a\nb");
}

// DOC-199
#[test]
fn a_file_without_a_list_of_cells_is_refused() {
    for text in ["{}", r#"{"cells": {}}"#, r#"{"worksheets": []}"#, "[]", "x"] {
        assert!(
            import(text, room(), &|_| false, &mut String::new).is_err(),
            "{text}"
        );
    }
}

// DOC-196 DOC-197
#[test]
fn arrow_comes_back_only_when_its_blobs_exist() {
    let hash = "a".repeat(64);
    let file = json!({"cells": [{"cell_type": "code", "outputs": [{
        "output_type": "display_data", "metadata": {}, "data": {
            "text/plain": "df",
            "application/vnd.nteract.blob-ref+json":
                {"hash": hash, "content_type": "application/vnd.apache.arrow.stream", "size": 3},
            "application/vnd.nteract.arrow-stream-manifest+json":
                {"version": 1, "chunks": [{"blob": hash, "size": 3, "index": 0}]}}}]}]})
    .to_string();
    let with = import(&file, room(), &|_| true, &mut || "o".into()).unwrap();
    let data = &with.cells[0].outputs[0]["data"];
    assert_eq!(
        data["application/vnd.apache.arrow.stream"]["blob"],
        hash.as_str()
    );
    let manifest = data["application/vnd.nteract.arrow-stream-manifest+json"]["inline"].as_str();
    assert!(manifest.unwrap().contains("\"hash\""));
    let without = import(&file, room(), &|_| false, &mut || "o".into()).unwrap();
    let data = without.cells[0].outputs[0]["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["text/plain"]);
}

// `JSON` of IPython nests as deep as it is told; Vega-Lite charts of many layers nest beyond 128.
#[test]
fn what_nests_deep_comes_through_a_file_and_back() {
    let deep = (0..400).fold(json!(1), |value, _| json!({"layer": [value]}));
    let output =
        json!({"output_type": "display_data", "metadata": {}, "data": {"application/json": deep}});
    let cell =
        json!({"cell_type": "code", "source": "", "id": "a", "metadata": {}, "outputs": [output]});
    let file = json!({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let read = import(&file.to_string(), room(), &|_| false, &mut || "o".into()).unwrap();
    let blobs = |hash: &str| {
        let found = read.blobs.iter().find(|blob| blob.sha256 == hash);
        found.map(|blob| blob.bytes.clone())
    };
    let resolved = documents::manifest::resolve(&read.cells[0].outputs[0], &blobs).unwrap();
    assert_eq!(resolved["data"]["application/json"], deep);
}

// Python writes these.
#[test]
fn what_is_no_number_in_json_is_read_as_null() {
    let text = r#"{"cells": [], "metadata": {"scale": NaN, "range": [-Infinity, Infinity]}, "nbformat": 4}"#;
    let read = import(text, room(), &|_| false, &mut String::new).unwrap();
    assert_eq!(read.metadata, json!({"scale": null, "range": [null, null]}));
}

#[test]
fn another_format_is_named() {
    let check = |text: &str, expected: &str| {
        let refused = import(text, room(), &|_| false, &mut String::new).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    };
    check(
        r#"{"cells": [], "metadata": {}, "nbformat": 5, "nbformat_minor": 0}"#,
        "the file is of notebook format 5, which is newer than format 4",
    );
    check(
        r#"{"worksheets": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}"#,
        "the file is of notebook format 3, which is older than format 4\nHint: convert it with `jupyter nbconvert --to notebook --nbformat 4 FILE`",
    );
    check(
        r#"{"metadata": {}, "nbformat": 4}"#,
        "the file has no list of cells",
    );
}

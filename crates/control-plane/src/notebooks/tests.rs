//! Ids and bodies of notebooks.

use serde_json::{Value, json};

use super::{parse_create, parse_rename, ulid};

// CP-264
#[test]
fn cp_264_ids_are_ulids_that_sort_by_time() {
    assert_eq!(ulid(0, [0; 10]), "0".repeat(26));
    assert_eq!(
        ulid(0xffff_ffff_ffff, [255; 10]),
        format!("7{}", "Z".repeat(25))
    );
    assert!(ulid(1_781_260_000_000, [255; 10]) < ulid(1_781_260_000_001, [0; 10]));
}

// CP-261 CP-262
#[test]
fn cp_262_the_vanity_name_wins_in_the_address() {
    let input = |body: Value| parse_create(body.as_object().unwrap()).unwrap();
    assert_eq!(input(json!({})).slug(), "notebook");
    assert_eq!(
        input(json!({"source_notebook_name": "a.ipynb"})).effective_title(),
        Some("a.ipynb")
    );
    assert_eq!(input(json!({"title": "T", "vanity_name": "v"})).slug(), "v");
    assert_eq!(input(json!({"title": " T "})).slug(), "T");
}

// CP-279
#[test]
fn cp_279_renames_clear_set_or_refuse() {
    let title = |body: Value| parse_rename(body.as_object()).map_err(|error| error.to_string());
    assert_eq!(title(json!({"title": null})), Ok(None));
    assert_eq!(title(json!({"title": "  "})), Ok(None));
    assert_eq!(title(json!({"title": " New "})), Ok(Some("New".to_owned())));
    assert_eq!(title(json!({})).unwrap_err(), "title is required");
    assert_eq!(
        title(json!({"title": 4})).unwrap_err(),
        "title must be a string"
    );
    assert_eq!(
        title(json!({"title": "x".repeat(161)})).unwrap_err(),
        "title is too long"
    );
}

//! The lists in `sql.rs` and the folders must agree.

use std::collections::BTreeSet;
use std::path::Path;

use super::{ALL, CATALOG_MIGRATIONS};
use crate::document_log;

fn files_in(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn every_query_file_is_listed() {
    let listed: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, files_in("queries"));
}

#[test]
fn migrations_are_numbered_without_gaps_and_none_is_forgotten() {
    for (migrations, folder) in [
        (CATALOG_MIGRATIONS, ""),
        (document_log::DOCUMENT_MIGRATIONS, "-documents"),
    ] {
        let versions: Vec<i64> = migrations.iter().map(|step| step.version).collect();
        let expected: Vec<i64> = (1..=i64::try_from(versions.len()).unwrap()).collect();
        assert_eq!(versions, expected);
        for database in ["sqlite", "postgres"] {
            let files = files_in(&format!("migrations/{database}{folder}"));
            assert_eq!(files.len(), versions.len(), "{database}{folder}");
        }
    }
}

#[test]
fn a_statement_for_many_blobs_numbers_its_places() {
    assert_eq!(super::blob_record(1), super::BLOB_RECORD);
    let two = super::blob_record(2);
    assert!(two.contains("VALUES ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10)"));
    assert!(two.contains("RETURNING"));
}

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{hosted_file, ipynb};

#[test]
fn a_summary_counts_cells_and_shows_the_first_words_and_picture() {
    let file = json!({
        "cells": [
            { "cell_type": "raw", "id": "r", "source": "  " },
            { "cell_type": "markdown", "id": "m", "source": "# Title" },
            { "cell_type": "code", "id": "a", "source": "x".repeat(200), "execution_count": 3, "outputs": [
                { "output_type": "display_data", "metadata": {}, "data": { "image/png": "AAEC" } } ] },
            { "cell_type": "code", "id": "b", "source": "2" },
        ],
        "metadata": { "language_info": { "name": "python" } },
    });
    let mut ids = 0;
    let file = ipynb::import(&file.to_string(), Uuid::nil(), &|_| false, &mut || {
        ids += 1;
        format!("o{ids}")
    })
    .unwrap();
    let hosted = hosted_file::open("n", file, &mut || Uuid::from_u128(1)).unwrap();
    let summary = summarize(&hosted.notebook, &hosted.runtime);
    assert_eq!((summary.code, summary.markdown, summary.raw), (2, 1, 1));
    assert_eq!(summary.language.as_deref(), Some("python"));
    let [first, second] = summary.preview.as_slice() else {
        panic!("{summary:?}")
    };
    assert_eq!(
        (
            first.kind.as_str(),
            first.text.as_str(),
            first.execution_count
        ),
        ("markdown", "# Title", None)
    );
    assert_eq!((second.text.len(), second.execution_count), (140, Some(3)));
    assert_eq!(
        summary.cover,
        Some((hosted.blobs[0].sha256.clone(), "image/png".to_owned()))
    );
}

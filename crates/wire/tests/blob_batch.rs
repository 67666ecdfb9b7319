//! The bytes that the page's tests read as well (`web/tests/blobs.test.ts`).

use bytes::Bytes;
use wire::blob_batch::{BatchedBlob, decode, encode};

const VECTOR: &[u8] = include_bytes!("vectors/blob_batch.bin");

#[test]
fn the_vector_is_what_is_written_and_read() {
    let blobs = [
        ("a", "text/plain", "grün\n".as_bytes()),
        ("b", "image/png", &[0x89, 0x50, 0x00, 0xff, 0x0d, 0x0a]),
        ("c", "application/octet-stream", b""),
    ]
    .map(|(digit, media_type, bytes)| BatchedBlob {
        hash: digit.repeat(64),
        media_type: media_type.to_owned(),
        bytes: Bytes::from_static(bytes),
    });
    assert_eq!(encode(&blobs), VECTOR);
    assert_eq!(decode(VECTOR.into()), Ok(blobs.into()));
}

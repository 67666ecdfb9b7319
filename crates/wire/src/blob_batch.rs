//! Many small blobs in one body: an addition to the control plane's blobs (control-plane.md 3.10), for an output that
//! would else cost as many requests as it has parts. `POST /api/n/:id/blobs` stores them, `POST /api/n/:id/blobs/read`
//! answers an [`Ask`] with them. A server that lacks these answers 404 or 405, and each blob goes by itself.
//!
//! The body is a sequence of records: the length of a header (four bytes, big-endian), the header as JSON, the blob's
//! bytes, as many as the header says.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.notebook-cloud.blobs";
/// The most blobs in one body.
pub const MAX_BLOBS: usize = 128;
/// The most bytes of one body.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of one header.
const MAX_HEADER_BYTES: usize = 1024;
/// The most bytes of a blob that is read together with others.
pub const MAX_READ_BYTES: u64 = 64 * 1024;
/// The most bytes of an [`Ask`].
pub const MAX_ASK_BYTES: u64 = 16 * 1024;

/// The JSON body that asks for blobs. The answer holds, in this order and each once, those that are there, have at most
/// [`MAX_READ_BYTES`] and fit into [`MAX_BYTES`]; whoever misses one asks for it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// SHA-256 in lower-case hex, at most [`MAX_BLOBS`].
    pub hashes: Vec<String>,
}

/// One blob of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchedBlob {
    /// SHA-256 in lower-case hex.
    pub hash: String,
    /// The media type it is stored with.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    hash: std::borrow::Cow<'a, str>,
    media_type: std::borrow::Cow<'a, str>,
    size: usize,
}

/// Why a body is not a sequence of blobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It ends within a record.
    #[error("blob {0} of the body is cut off")]
    Cut(usize),
    /// A header is too long or not the JSON it should be.
    #[error("the header of blob {0} of the body cannot be read")]
    Header(usize),
    /// It has more blobs than one body may have.
    #[error("a body has at most {MAX_BLOBS} blobs")]
    TooMany,
}

/// Writes blobs into one body; the caller keeps to [`MAX_BLOBS`] and [`MAX_BYTES`].
pub fn encode(blobs: &[BatchedBlob]) -> Vec<u8> {
    let mut body = Vec::with_capacity(blobs.iter().map(|blob| blob.bytes.len() + 160).sum());
    for blob in blobs {
        body.extend(head(&blob.hash, &blob.media_type, blob.bytes.len()));
        body.extend_from_slice(&blob.bytes);
    }
    body
}

/// How many bytes a blob takes in a body; none when its media type is too long for a header.
pub fn record_bytes(hash: &str, media_type: &str, size: usize) -> Option<usize> {
    let head = head(hash, media_type, size).len();
    (head <= 4 + MAX_HEADER_BYTES).then_some(head + size)
}

/// A header behind its length.
fn head(hash: &str, media_type: &str, size: usize) -> Vec<u8> {
    let header = Header {
        hash: hash.into(),
        media_type: media_type.into(),
        size,
    };
    // Two texts and a number are always JSON.
    let header = serde_json::to_vec(&header).unwrap_or_default();
    let mut head = (header.len() as u32).to_be_bytes().to_vec();
    head.extend(header);
    head
}

/// Reads the blobs of a body without copying them.
pub fn decode(mut body: Bytes) -> Result<Vec<BatchedBlob>, BatchError> {
    let mut blobs = Vec::new();
    while !body.is_empty() {
        let at = blobs.len();
        if at == MAX_BLOBS {
            return Err(BatchError::TooMany);
        }
        let mut take = |length: usize| {
            (length <= body.len())
                .then(|| body.split_to(length))
                .ok_or(BatchError::Cut(at))
        };
        let length = take(4)?
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > MAX_HEADER_BYTES {
            return Err(BatchError::Header(at));
        }
        let header = take(length)?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| BatchError::Header(at))?;
        blobs.push(BatchedBlob {
            bytes: take(header.size)?,
            hash: header.hash.into_owned(),
            media_type: header.media_type.into_owned(),
        });
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blob(hash: String, bytes: Vec<u8>) -> BatchedBlob {
        BatchedBlob {
            hash,
            media_type: "text/plain".into(),
            bytes: bytes.into(),
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(parts in prop::collection::vec(("[0-9a-f]{64}", prop::collection::vec(any::<u8>(), 0..50)), 0..20)) {
            let blobs: Vec<_> = parts.into_iter().map(|(hash, bytes)| blob(hash, bytes)).collect();
            let body = encode(&blobs);
            let bytes = blobs.iter().map(|blob| record_bytes(&blob.hash, &blob.media_type, blob.bytes.len()));
            prop_assert_eq!(bytes.sum::<Option<usize>>(), Some(body.len()));
            prop_assert_eq!(decode(body.into()), Ok(blobs));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(bytes.into());
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_too_long_is_refused() {
        let body = encode(&[blob("a".into(), vec![1, 2, 3])]);
        assert_eq!(
            decode(Bytes::copy_from_slice(&body[..body.len() - 1])),
            Err(BatchError::Cut(0))
        );
        assert_eq!(
            decode(Bytes::from_static(&[0xff; 8])),
            Err(BatchError::Header(0))
        );
        let many = vec![blob("a".into(), Vec::new()); MAX_BLOBS + 1];
        assert_eq!(decode(encode(&many).into()), Err(BatchError::TooMany));
    }

    #[test]
    fn a_media_type_that_no_reader_would_take_has_no_record() {
        let hash = "a".repeat(64);
        let head = head(&hash, "", 9).len() - 4;
        let longest = "x".repeat(MAX_HEADER_BYTES - head);
        assert_eq!(
            record_bytes(&hash, &longest, 9),
            Some(4 + MAX_HEADER_BYTES + 9)
        );
        assert_eq!(record_bytes(&hash, &format!("{longest}x"), 9), None);
    }

    // A full ask of the largest kind fits into its limit.
    #[test]
    fn an_ask_for_as_many_as_there_may_be_fits() {
        let hashes = vec!["f".repeat(64); MAX_BLOBS];
        let body = serde_json::to_vec_pretty(&Ask { hashes }).unwrap();
        assert!((body.len() as u64) < MAX_ASK_BYTES, "{}", body.len());
    }
}

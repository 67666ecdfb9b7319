//! Many small blobs in one body: an addition to the control plane's uploads (control-plane.md 3.10), for an output
//! that would else cost as many requests as it has parts. A server that lacks it answers 404 or 405, and each blob goes
//! up by itself.
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
        let header = Header {
            hash: blob.hash.as_str().into(),
            media_type: blob.media_type.as_str().into(),
            size: blob.bytes.len(),
        };
        // Two texts and a number are always JSON.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        body.extend_from_slice(&(header.len() as u32).to_be_bytes());
        body.extend_from_slice(&header);
        body.extend_from_slice(&blob.bytes);
    }
    body
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
            prop_assert_eq!(decode(encode(&blobs).into()), Ok(blobs));
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
}

//! Reading many small blobs.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::error::BlobError;
use crate::store::BlobStore;

/// Blobs that one caller reads at a time.
const TOGETHER: usize = 8;

impl BlobStore {
    /// Reads whole blobs of known sizes into memory, in the order asked for; none where nothing has that name. The
    /// caller keeps to what memory holds.
    ///
    /// # Errors
    /// The place fails.
    pub async fn together(
        &self,
        blobs: Vec<(String, u64)>,
    ) -> Result<Vec<Option<Bytes>>, BlobError> {
        let hashes = blobs.iter().map(|(hash, _)| hash.clone()).collect();
        let packed = self.packed_together(hashes).await?;
        let read = |((hash, size), packed): ((String, u64), Option<Bytes>)| async move {
            if packed.is_some() {
                return Ok(packed);
            }
            match self.part(&hash, 0..size).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(BlobError::Absent) => Ok(None),
                Err(cause) => Err(cause),
            }
        };
        stream::iter(blobs.into_iter().zip(packed))
            .map(read)
            .buffered(TOGETHER)
            .try_collect()
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Blob;
    use crate::testing::S3Server;

    #[tokio::test]
    async fn blobs_come_in_order_and_a_failing_place_is_no_absence() {
        let server = S3Server::start();
        for bucket in [None, Some(server.bucket("cloud"))] {
            let (folder, in_bucket) = (tempfile::tempdir().unwrap(), bucket.is_some());
            let store = BlobStore::open(bucket, folder.path()).unwrap();
            let texts: Vec<String> = (0..20).map(|n| "x".repeat(n)).collect();
            let blobs: Vec<Blob> = texts.iter().map(|text| Blob::of(text.clone())).collect();
            let mut asked: Vec<_> = blobs
                .iter()
                .map(|blob| (blob.hash().to_owned(), blob.bytes.len() as u64))
                .rev()
                .collect();
            asked.insert(3, ("0".repeat(64), 5));
            store.keep_all(blobs).await.unwrap();
            let mut found = store.together(asked.clone()).await.unwrap();
            assert_eq!(found.remove(3), None);
            let expected: Vec<_> = texts
                .into_iter()
                .rev()
                .map(|text| Some(text.into()))
                .collect();
            assert_eq!(found, expected);
            if in_bucket {
                server.away_after(2);
                let away = store.together(asked).await;
                assert!(matches!(away, Err(BlobError::Away(_))), "{away:?}");
            }
        }
    }
}

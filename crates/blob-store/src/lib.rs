//! The bytes of blobs, under the name of their SHA-256: in a folder, or in a bucket of a store that speaks S3.
//!
//! A blob appears under its name only when it is whole, and it is durable before its upload is acknowledged: on disk, or
//! where the bucket's keeper says that it is. Both places are one [`object_store::ObjectStore`]; what differs is how a
//! large upload gets there, and that in the folder small blobs that come together share a file, a *pack*. Which notebook
//! may read which blob is the catalog's matter. Start at [`BlobStore`].

mod bucket;
mod error;
mod packs;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod together;
mod upload;

pub use bucket::{BucketConfig, Keys};
pub use error::{BlobError, Trouble};
pub use store::{Blob, BlobStore, BlobStream, SMALL, Stored, is_hash};
pub use upload::{Kept, Upload};

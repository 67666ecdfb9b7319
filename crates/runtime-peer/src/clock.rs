//! The time of sessions, and waiting for it.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep_until};
use wire::UnixMs;

pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The time of sessions: Unix time as it was when first asked for, and what has passed since. A clock that is set back
/// delays nothing.
pub(crate) fn now() -> UnixMs {
    static START: LazyLock<(Instant, i64)> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.map_or(0, |since| since.as_millis() as i64);
        (Instant::now(), since)
    });
    let (started, unix_ms) = *START;
    UnixMs(unix_ms + started.elapsed().as_millis() as i64)
}

pub(crate) fn wait_until(at: UnixMs) -> Duration {
    Duration::from_millis(at.0.saturating_sub(now().0).max(0) as u64)
}

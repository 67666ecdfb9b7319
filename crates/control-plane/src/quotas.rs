//! How much one owner may have at a time.

use store::Upkeep;

use crate::{Caller, Refusal, Result};

/// How long somebody with too many notebooks waits: until they have deleted some.
const NOTEBOOKS_RETRY_S: u64 = 3600;

/// Refuses another pairing code to somebody who has `limit` that can still be redeemed.
///
/// Looks before the code is made, so that many requests at one moment may go past it by as many.
pub async fn may_mint<S: Upkeep>(
    store: &S,
    caller: &Caller,
    limit: u64,
    now_ms: i64,
) -> Result<()> {
    let (codes, first_end_ms) = store.live_codes(&caller.principal, now_ms).await?;
    if u64::try_from(codes).unwrap_or_default() < limit {
        return Ok(());
    }
    let wait_ms = first_end_ms.map_or(0, |end| end - now_ms);
    Err(Refusal::TooMany {
        text: format!(
            "{codes} pairing codes are open\nHint: use one of them, or wait until they expire"
        ),
        retry_s: u64::try_from(wait_ms).unwrap_or_default() / 1000 + 1,
    })
}

/// Refuses another notebook to somebody who owns `limit`.
///
/// Looks before the notebook is made, so that many requests at one moment may go past it by as
/// many.
pub async fn may_own_another<S: Upkeep>(store: &S, caller: &Caller, limit: u64) -> Result<()> {
    let notebooks = store.owned_notebooks(&caller.principal).await?;
    if u64::try_from(notebooks).unwrap_or_default() < limit {
        return Ok(());
    }
    Err(Refusal::TooMany {
        text: format!(
            "you own {notebooks} notebooks, which is as many as this server allows\n\
             Hint: delete some, or ask whoever runs the server for a higher limits.notebooks_per_owner"
        ),
        retry_s: NOTEBOOKS_RETRY_S,
    })
}

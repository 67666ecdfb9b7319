//! The clockwork of the control plane: leases end and silent jobs end without anybody asking.

use std::time::{Duration, Instant};

use control_plane::{leases, limits};

use crate::app::App;

/// The longest pause between two looks; a lease lives longer than this, so none is missed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The shortest, so that a clock that stands cannot make it spin.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// How often what nobody asks for any more is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// Sweeps until the server stops.
pub async fn run(app: App) {
    let mut tidied: Option<Instant> = None;
    loop {
        if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            if let Err(cause) = leases::tidy(app.catalog(), app.now_ms()).await {
                tracing::error!(%cause, "ended room tokens and old history could not be forgotten");
            }
        }
        let pause = look(&app).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.closing().cancelled() => return,
        }
    }
}

/// Ends what is due and says how long nothing else is.
pub(crate) async fn look(app: &App) -> Duration {
    let now = app.now_ms();
    match leases::sweep(app.catalog(), now, limits::SILENT_JOB_MS).await {
        Ok(swept) => {
            // What hangs in a room must not hold up the next look (CP-171).
            let carrier = app.clone();
            app.tasks()
                .spawn(async move { carrier.carry_out(swept.effects).await });
            pause(now, swept.next_ms)
        }
        Err(cause) => {
            tracing::error!(%cause, "leases and jobs could not be looked through");
            LONGEST_PAUSE
        }
    }
}

fn pause(now_ms: i64, next_ms: Option<i64>) -> Duration {
    let wanted = next_ms.map_or(LONGEST_PAUSE, |next| {
        Duration::from_millis(u64::try_from(next - now_ms).unwrap_or_default())
    });
    wanted.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    // CP-172
    #[test]
    fn cp_172_the_pause_ends_at_the_earliest_deadline() {
        assert_eq!(pause(1_000, Some(3_000)), Duration::from_secs(2));
        assert_eq!(pause(1_000, None), LONGEST_PAUSE);
        assert_eq!(pause(1_000, Some(i64::MAX)), LONGEST_PAUSE);
        assert_eq!(pause(1_000, Some(0)), SHORTEST_PAUSE);
    }
}

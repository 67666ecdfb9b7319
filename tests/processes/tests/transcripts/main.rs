//! The recorded conversations with a running reference, played against our server.
//!
//! Statuses, headers, JSON shapes and literal values must be the recorded ones; ids, tokens and times are ours. Every
//! difference stands in a list below with its reason, and a reason that is no longer needed fails the test. Keys that we
//! add wherever an object appears are named once for all conversations.

mod record;
mod replay;
mod shape;
mod socket;

use anyhow::Result;
use processes::Cloud;
use replay::Replay;

/// A difference on purpose: how the line of a difference begins, and why.
type Expected = (&'static str, &'static str);

const HEALTH: &str = "health names our service's settings: one deployment, no provider configured";
const D6: &str = "D6: after `ready` the event socket gets one event for each pending job";
const D7: &str =
    "D7: a revoked credential's sockets are closed at once; the recorded ones lived on";
const RECORDER: &str = "the recorder kept half-closed sockets open; nothing can be read from this";

/// Keys that clients of the reference do not know and pass over: where they stand, without the places in lists.
const ADDED: [&str; 17] = [
    // Who asked for a job, so that a machine can be for certain people only.
    "job.requested_by",
    "jobs.requested_by",
    // Since when and why a machine is online or not, and where it registered from.
    "workstation.status_reason",
    "workstation.status_since",
    "workstation.address",
    "workstations.status_reason",
    "workstations.status_since",
    "workstations.address",
    // Whether room tokens are wanted (decision D16), and how the credential stands.
    "room_tokens",
    "credential",
    // Which machine a credential belongs to, and when it was renewed and ends.
    "credentials.workstation_id",
    "credentials.rotated_at",
    "credentials.expires_at",
    "credentials.may_serve_several",
    // Where a list of jobs goes on; null where it is whole.
    "next",
    // Which version answers, and which it wants at least of a machine's programs.
    "build.version",
    "minimum_build",
];

/// Whether a difference is one of [`ADDED`].
fn is_added(line: &str) -> bool {
    let Some((_, path)) = line
        .strip_suffix(": extra")
        .and_then(|line| line.split_once(' '))
    else {
        return false;
    };
    let keys: Vec<&str> = path
        .split('.')
        .filter(|key| key.parse::<usize>().is_err())
        .collect();
    ADDED.contains(&keys.join(".").as_str())
}

const FIRST: &[Expected] = &[
    ("1 deployment_env: \"self-hosted\" instead of", HEALTH),
    ("1 auth.anaconda_api_key", HEALTH),
    ("1 auth.oidc", HEALTH),
    ("17 event attach_jobs pending: extra", D6),
    (
        "40 cache-control: Some(\"private, max-age=31536000, immutable\") instead of",
        "only readers of the notebook were given the blob: shared caches must not keep it",
    ),
    (
        "17 event attach_jobs cancelled: extra",
        "HAZ-13: the displaced workstation hears of it, so that it stops its peer at once",
    ),
    ("17 event went_offline: missing", D7),
    (
        "17 close: extra (Close(Some((1008, \"workstation credential revoked\"))))",
        D7,
    ),
    (
        "21 close: extra (Close(Some((1008, \"access revoked\"))))",
        D7,
    ),
    (
        "58 close: extra (Close(Some((1008, \"access revoked\"))))",
        D7,
    ),
    ("29 cloud_peer_left: extra", D7),
    ("58 cloud_peer_left: missing", RECORDER),
];

const SECOND: &[Expected] = &[
    ("8 cloud_peer_left: extra", D7),
    ("8 cloud_frame_accepted type: \"cloud_frame_rejected\"", D7),
    ("8 cloud_frame_accepted byte_length: missing", D7),
    ("8 cloud_frame_accepted reason: extra", D7),
    ("22 cloud_peer_left: missing", D7),
    (
        "22 close: extra (Close(Some((1008, \"access revoked\"))))",
        D7,
    ),
];

async fn play(mut replay: Replay<'_>, recordings: &[&str], expected: &[Expected]) -> Result<()> {
    for name in recordings {
        replay.play(&record::read(name)?).await?;
    }
    replay.finish().await?;
    let mut used = vec![false; expected.len()];
    let unexpected: Vec<&String> = replay
        .differences
        .iter()
        .filter(|line| !is_added(line))
        .filter(|line| {
            let found = expected
                .iter()
                .position(|(start, _)| line.starts_with(start));
            if let Some(index) = found {
                used[index] = true;
            }
            found.is_none()
        })
        .collect();
    let text: Vec<&str> = unexpected.iter().map(|line| line.as_str()).collect();
    assert!(text.is_empty(), "differences:\n{}", text.join("\n"));
    let idle: Vec<&str> = expected
        .iter()
        .zip(&used)
        .filter(|(_, used)| !**used)
        .map(|((start, _), _)| *start)
        .collect();
    assert!(idle.is_empty(), "no longer different: {idle:?}");
    Ok(())
}

#[tokio::test]
async fn pairing_attaching_running_and_every_refusal_are_as_recorded() -> Result<()> {
    let cloud = Cloud::start().await?;
    let replay = Replay::new(&cloud)?;
    play(replay, &["pair_attach_execute", "lifecycle_errors"], FIRST).await
}

#[tokio::test]
async fn the_end_of_a_peer_and_a_revocation_are_as_recorded() -> Result<()> {
    let cloud = Cloud::start().await?;
    let replay = Replay::new(&cloud)?;
    replay.pair_another("alice").await?;
    play(replay, &["agent_end_revoke"], SECOND).await
}

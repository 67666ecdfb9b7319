//! The named limits of the control plane (Appendix C).

/// Life of a pairing code.
pub const PAIRING_CODE_MS: i64 = 600_000;
/// Symbols of a pairing code.
pub const PAIRING_CODE_SYMBOLS: usize = 12;
/// Longest accepted `code`.
pub const PAIRING_CODE_INPUT: usize = 64;
/// How long an expired code stays readable for its owner's poll.
pub const PAIRING_KEEP_MS: i64 = 86_400_000;
/// A credential's use is recorded at most this often.
pub const CREDENTIAL_TOUCH_MS: i64 = 300_000;
/// Characters of an API token's name.
pub const API_TOKEN_NAME: usize = 128;
/// API tokens that one person may have working at a time.
pub const API_TOKENS: i64 = 100;
/// How long an API token works unless its maker says otherwise.
pub const API_TOKEN_MS: i64 = 90 * 86_400_000;
/// Characters of the subject of an access row.
pub const SUBJECT: usize = 1024;
/// Invites and access requests in a list at most.
pub const INVITES: i64 = 200;
/// Length of a lease, and age at which a row without a lease reads offline.
pub const LEASE_MS: i64 = 180_000;
/// How long an offline lease is kept.
pub const LEASE_KEEP_MS: i64 = 86_400_000;
/// A user's attach request that nobody accepted ends after this.
pub const PENDING_STALE_MS: i64 = 180_000;
/// A job without any report ends after this (decision D1; configurable).
pub const SILENT_JOB_MS: i64 = 86_400_000;
/// Attach jobs in a poll, unless asked otherwise.
pub const JOBS_DEFAULT: i64 = 10;
/// Attach jobs in a poll at most.
pub const JOBS_MAX: i64 = 25;
/// Pending jobs that an event socket is told of as it opens, at most; the rest is in the polls that follow.
pub const JOBS_ANNOUNCED: i64 = 100;
/// `Retry-After` of a workstation that is not there.
pub const MISSING_WORKSTATION_RETRY_S: u64 = 900;
/// Notebooks in a list, unless asked otherwise.
pub const NOTEBOOKS_DEFAULT: i64 = 100;
/// Notebooks in a list at most.
pub const NOTEBOOKS_MAX: i64 = 500;
/// Notebooks of one person that a search looks through at most.
pub const NOTEBOOKS_LOOKED_THROUGH: usize = 20_000;
/// Accelerators in a registration at most.
pub const ACCELERATORS: usize = 16;
/// Environments kept of a registration.
pub const ENVIRONMENTS: usize = 16;
/// Kernels kept of a registration.
pub const KERNELS: usize = 48;
/// Graphics processors kept of a heartbeat.
pub const GPUS: usize = 16;
/// Jobs kept of a heartbeat.
pub const JOBS_IN_USE: usize = 32;
/// The longest time without execution after which compute stops, in minutes; 0 is never.
pub const IDLE_MINUTES: i64 = 30 * 24 * 60;
/// The longest reason of a repair.
pub const REPAIR_REASON: usize = 240;
/// Characters of a title.
pub const TITLE: usize = 160;
/// Characters of a vanity name.
pub const VANITY: usize = 128;
/// Characters of an id.
pub const ID: usize = 128;
/// Attempts to find a free notebook id.
pub const ID_ATTEMPTS: usize = 8;
/// Characters of the machine name that a pairing code may expect.
pub const MACHINE_NAME: usize = 160;
/// How long the token before a rotation is still taken.
pub const ROTATION_GRACE_MS: i64 = 86_400_000;
/// How much longer it is taken once the new token was presented: for a process that read the old one just before.
pub const ROTATION_SEEN_GRACE_MS: i64 = 600_000;
/// A credential in use within this time outlives its end.
pub const CREDENTIAL_IN_USE_MS: i64 = 86_400_000;
/// The longest life of a credential that an owner may set, in days.
pub const CREDENTIAL_DAYS: i64 = 3_650;
/// Life of a room token in seconds, unless set otherwise.
pub const ROOM_TOKEN_S: i64 = 600;
/// The shortest and longest life of a room token that an owner may set, in seconds.
pub const ROOM_TOKEN_RANGE_S: std::ops::RangeInclusive<i64> = 2..=3_600;
/// How long the history of machines is kept.
pub const HISTORY_KEEP_MS: i64 = 30 * 86_400_000;
/// Events in a history, unless asked otherwise.
pub const HISTORY_DEFAULT: i64 = 50;
/// Events in a history at most.
pub const HISTORY_MAX: i64 = 200;

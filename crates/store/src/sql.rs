//! The SQL text, one statement per file, and the migrations.
//!
//! Every constant names its file in `queries/`; [`ALL`] lists them so that a backend's tests
//! can prepare each against a migrated database.

use crate::migration::{Migration, migration};

macro_rules! queries {
    ($($name:ident = $file:literal;)*) => {
        $(
            #[doc = concat!("The statement in `", $file, ".sql`.")]
            pub const $name: &str = include_str!(concat!("../queries/", $file, ".sql"));
        )*
        /// Every statement with its file's name.
        pub const ALL: &[(&str, &str)] = &[$(($file, $name),)*];
    };
}

queries! {
    ACCESS_REQUEST_INSERT = "access_request_insert";
    ACCESS_REQUEST_LATEST = "access_request_latest";
    ACCESS_REQUEST_LIST = "access_request_list";
    ACCESS_REQUEST_PENDING = "access_request_pending";
    ACCESS_REQUEST_RESOLVE = "access_request_resolve";
    ACCOUNT_GET = "account_get";
    ACCOUNT_LINK_GET = "account_link_get";
    ACCOUNT_LINK_OTHERS = "account_link_others";
    ACCOUNT_LINK_UPSERT = "account_link_upsert";
    ACCOUNT_UPSERT = "account_upsert";
    ACL_EXISTS = "acl_exists";
    ACL_FOR_SUBJECT = "acl_for_subject";
    ACL_GRANT = "acl_grant";
    ACL_LIST = "acl_list";
    ACL_REVOKE = "acl_revoke";
    API_TOKEN_BY_HASH = "api_token_by_hash";
    API_TOKEN_COUNT = "api_token_count";
    API_TOKEN_INSERT = "api_token_insert";
    API_TOKEN_LIST = "api_token_list";
    API_TOKEN_REVOKE = "api_token_revoke";
    API_TOKEN_TOUCH = "api_token_touch";
    ARTIFACT_GET = "artifact_get";
    ARTIFACT_PUT = "artifact_put";
    AUDIT_ALL = "audit_all";
    AUDIT_INSERT = "audit_insert";
    AUDIT_OF_NOTEBOOK = "audit_of_notebook";
    AUDIT_OF_PERSON = "audit_of_person";
    AUDIT_PURGE = "audit_purge";
    BLOB_DROP = "blob_drop";
    BLOB_GET = "blob_get";
    BLOB_LIST = "blob_list";
    BLOB_NAMED = "blob_named";
    BLOB_OLD_NOTEBOOKS = "blob_old_notebooks";
    BLOB_RECORD = "blob_record";
    BLOB_SHARE = "blob_share";
    BLOB_UNPINNED = "blob_unpinned";
    BLOB_WANTED = "blob_wanted";
    CREDENTIAL_BIND_WORKSTATION = "credential_bind_workstation";
    CREDENTIAL_BY_HASH = "credential_by_hash";
    CREDENTIAL_GET = "credential_get";
    CREDENTIAL_INSERT = "credential_insert";
    CREDENTIAL_LIST = "credential_list";
    CREDENTIAL_REVOKE = "credential_revoke";
    CREDENTIAL_ROTATE = "credential_rotate";
    CREDENTIAL_SEEN = "credential_seen";
    CREDENTIAL_SET_LIFE = "credential_set_life";
    CREDENTIAL_SET_REACH = "credential_set_reach";
    CREDENTIAL_TOUCH = "credential_touch";
    DEFAULT_CLEAR = "default_clear";
    DEFAULT_GET = "default_get";
    DEFAULT_SET = "default_set";
    DEFAULT_SET_IF_NONE = "default_set_if_none";
    DISCONNECT_AFTER = "disconnect_after";
    DISCONNECT_LAST = "disconnect_last";
    DISCONNECT_NOTE = "disconnect_note";
    DISCONNECT_PURGE = "disconnect_purge";
    INVITE_ACCEPT = "invite_accept";
    INVITE_GRANT = "invite_grant";
    INVITE_INSERT = "invite_insert";
    INVITE_LIST = "invite_list";
    INVITE_PENDING = "invite_pending";
    INVITE_RETIRE = "invite_retire";
    INVITE_REVOKE = "invite_revoke";
    JOB_ACTIVE_FOR_NOTEBOOK = "job_active_for_notebook";
    JOB_BY_ID = "job_by_id";
    JOB_CANCEL_OF_NOTEBOOK = "job_cancel_of_notebook";
    JOB_FAIL_OF_NOTEBOOK = "job_fail_of_notebook";
    JOB_FAIL_OF_WORKSTATION = "job_fail_of_workstation";
    JOB_FAIL_SILENT = "job_fail_silent";
    JOB_FAIL_STALE = "job_fail_stale";
    JOB_FAIL_STALE_OF_NOTEBOOK = "job_fail_stale_of_notebook";
    JOB_FAIL_STALE_OF_WORKSTATION = "job_fail_stale_of_workstation";
    JOB_GET = "job_get";
    JOB_INSERT = "job_insert";
    JOB_LATEST_ON_WORKSTATION = "job_latest_on_workstation";
    JOB_LIST_ACTIVE = "job_list_active";
    JOB_LIST_PENDING = "job_list_pending";
    JOB_NEXT_STALE = "job_next_stale";
    JOB_PROMOTE_TRIGGER = "job_promote_trigger";
    JOB_PURGE = "job_purge";
    JOB_REPORT = "job_report";
    LEASE_CLEAR = "lease_clear";
    LEASE_END = "lease_end";
    LEASE_EXPIRE = "lease_expire";
    LEASE_NEXT_DEADLINE = "lease_next_deadline";
    LIBRARY_COMPUTE = "library_compute";
    LIBRARY_PAGE = "library_page";
    MOVE_ACL_COPY = "move_acl_copy";
    MOVE_ACL_DROP = "move_acl_drop";
    MOVE_API_TOKENS = "move_api_tokens";
    MOVE_CREDENTIALS = "move_credentials";
    MOVE_DEFAULT = "move_default";
    MOVE_DEFAULT_DROP = "move_default_drop";
    MOVE_JOBS = "move_jobs";
    MOVE_MACHINE_EVENTS = "move_machine_events";
    MOVE_MACHINE_SETTINGS = "move_machine_settings";
    MOVE_MACHINE_SETTINGS_DROP = "move_machine_settings_drop";
    MOVE_NOTEBOOKS = "move_notebooks";
    MOVE_PAIRING_CODES = "move_pairing_codes";
    MOVE_REMOVED = "move_removed";
    MOVE_REMOVED_DROP = "move_removed_drop";
    MOVE_REQUESTS = "move_requests";
    MOVE_REQUESTS_DROP = "move_requests_drop";
    MOVE_SESSIONS = "move_sessions";
    MOVE_WORKSTATIONS = "move_workstations";
    MOVE_WORKSTATIONS_DROP = "move_workstations_drop";
    MACHINE_EVENTS_OF_JOB = "machine_events_of_job";
    MACHINE_EVENTS_OF_WORKSTATION = "machine_events_of_workstation";
    MACHINE_EVENTS_PURGE = "machine_events_purge";
    NOTEBOOK_COUNT = "notebook_count";
    NOTEBOOK_DELETE_TRASHED = "notebook_delete_trashed";
    NOTEBOOK_FOR = "notebook_for";
    NOTEBOOK_GET = "notebook_get";
    NOTEBOOK_INSERT = "notebook_insert";
    NOTEBOOK_KNOWN = "notebook_known";
    NOTEBOOK_OWNED = "notebook_owned";
    NOTEBOOK_PUBLISH = "notebook_publish";
    NOTEBOOK_RENAME = "notebook_rename";
    NOTEBOOK_SET_EPOCH = "notebook_set_epoch";
    NOTEBOOK_SET_LATEST = "notebook_set_latest";
    NOTEBOOK_SET_SUMMARY = "notebook_set_summary";
    NOTEBOOK_SET_IDLE = "notebook_set_idle";
    NOTEBOOK_SET_TRASHED = "notebook_set_trashed";
    NOTEBOOK_TOUCH = "notebook_touch";
    PAIRING_CONSUME = "pairing_consume";
    PAIRING_EXPECTATION = "pairing_expectation";
    PAIRING_GET = "pairing_get";
    PAIRING_INSERT = "pairing_insert";
    PAIRING_LINK_WORKSTATION = "pairing_link_workstation";
    PAIRING_LIVE = "pairing_live";
    PAIRING_PURGE = "pairing_purge";
    PERSON_DISABLE = "person_disable";
    PERSON_ENABLE = "person_enable";
    PERSON_END_API_TOKENS = "person_end_api_tokens";
    PERSON_END_CREDENTIALS = "person_end_credentials";
    PERSON_END_PAIRING_CODES = "person_end_pairing_codes";
    PERSON_END_SESSIONS = "person_end_sessions";
    PERSON_END_SIGN_IN_TOKENS = "person_end_sign_in_tokens";
    PERSON_HAND_OVER_DROP = "person_hand_over_drop";
    PERSON_HAND_OVER_ROWS = "person_hand_over_rows";
    PERSON_LIST = "person_list";
    PERSON_OWNED = "person_owned";
    PERSON_STANDING = "person_standing";
    PROVIDER_SIGN_IN_INSERT = "provider_sign_in_insert";
    PROVIDER_SIGN_IN_PURGE = "provider_sign_in_purge";
    PROVIDER_SIGN_IN_TAKE = "provider_sign_in_take";
    REMOVED_FORGET = "removed_forget";
    REMOVED_GET = "removed_get";
    REMOVED_NOTE = "removed_note";
    REVISION_BLOB_INSERT = "revision_blob_insert";
    REVISION_DELETE = "revision_delete";
    REVISION_GET = "revision_get";
    REVISION_INSERT = "revision_insert";
    REVISION_LIST = "revision_list";
    ROOM_TOKEN_GET = "room_token_get";
    ROOM_TOKEN_INSERT = "room_token_insert";
    ROOM_TOKEN_PURGE = "room_token_purge";
    SESSION_BY_HASH = "session_by_hash";
    SESSION_INSERT = "session_insert";
    SESSION_LIST = "session_list";
    SESSION_PURGE = "session_purge";
    SESSION_REVOKE = "session_revoke";
    SESSION_TOUCH = "session_touch";
    SETTINGS_GET = "settings_get";
    SETTINGS_SET = "settings_set";
    SIGN_IN_TOKEN_CONSUME = "sign_in_token_consume";
    SIGN_IN_TOKEN_INSERT = "sign_in_token_insert";
    SIGN_IN_TOKEN_PURGE = "sign_in_token_purge";
    WORKSTATION_DELETE = "workstation_delete";
    WORKSTATION_GET = "workstation_get";
    WORKSTATION_LIST = "workstation_list";
    WORKSTATION_UPSERT = "workstation_upsert";
}

/// [`BLOB_RECORD`] for many blobs at once.
pub fn blob_record(rows: usize) -> String {
    BLOB_RECORD.replace("($1, $2, $3, $4, $5)", &rows_of(rows, 5))
}

/// [`BLOB_NAMED`] for so many hashes.
pub fn blob_named(hashes: usize) -> String {
    let places: Vec<String> = (0..hashes).map(|hash| format!("${}", hash + 2)).collect();
    BLOB_NAMED.replace("$2", &places.join(", "))
}

/// Places for parameters, as `VALUES` takes them: `($1, $2), ($3, $4)` for two rows of two.
pub(crate) fn rows_of(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns)
            .map(|column| format!("${}", columns * row + column))
            .collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Migrations of the catalog, oldest first.
/// They go forward only and are never edited once released.
pub const CATALOG_MIGRATIONS: &[Migration] = &[
    migration!(1, "/0001_catalog"),
    migration!(2, "/0002_identity"),
    migration!(3, "/0003_notebooks"),
    migration!(4, "/0004_machines"),
    migration!(5, "/0005_facts"),
    migration!(6, "/0006_one_compute"),
    migration!(7, "/0007_token_seen"),
];

#[cfg(test)]
mod tests;

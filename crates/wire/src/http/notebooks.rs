//! Notebooks and their list (control plane 3.1, 3.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NotebookId, Scope, UnixMs};

/// `POST /api/n` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateNotebookResponse {
    pub ok: bool,
    pub notebook_id: NotebookId,
    pub title: Option<String>,
    pub vanity_name: Option<String>,
    pub viewer_url: String,
    pub source_notebook_id: Option<String>,
    pub source_notebook_name: Option<String>,
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
}

/// `GET /api/n` answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotebooksResponse {
    pub ok: bool,
    pub notebooks: Vec<NotebookEntry>,
    pub total_count: u64,
    /// Where the next page begins, if there is one (additive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub current_user_principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_user_display: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_user_avatar: Option<String>,
}

/// One notebook of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotebookEntry {
    pub notebook_id: NotebookId,
    pub title: Option<String>,
    pub owner_principal: String,
    pub scope: Scope,
    pub created_at: UnixMs,
    pub updated_at: UnixMs,
    /// When it was put in the trash (additive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trashed_at: Option<UnixMs>,
    pub latest_revision_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_display: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_avatar: Option<String>,
    #[serde(default)]
    pub owner_resolved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composition: Option<Composition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Vec<PreviewEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<Cover>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default)]
    pub compute_session: Option<ComputeSession>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<ListedPeer>>,
    pub viewer_url: String,
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
}

/// How many cells of each type a notebook has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    pub code: u64,
    pub markdown: u64,
    pub raw: u64,
}

/// A glimpse of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewEntry {
    pub kind: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<i64>,
}

/// The picture of a notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    pub blob_hash: String,
    pub mime: String,
}

/// A notebook's compute as its owner's list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComputeSession {
    pub notebook_id: String,
    pub owner_principal: String,
    /// `active`, `starting`, `stale` or `error`.
    pub status: String,
    pub status_message: Option<String>,
    pub workstation_id: Option<String>,
    pub workstation_display_name: Option<String>,
    pub environment_label: Option<String>,
    pub working_directory: Option<String>,
    pub runtime_session_id: Option<String>,
    pub runtime_peer_count: u64,
    pub queue_depth: u64,
    pub last_runtime_seen_at: Option<String>,
    pub updated_at: String,
}

/// A person present in a listed notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPeer {
    pub participant_key: String,
    pub actor_label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub connection_scope: Scope,
}

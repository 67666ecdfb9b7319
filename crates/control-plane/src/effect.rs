//! What a rule wants done on live sockets and rooms.

use store::AttachJob;
use wire::WorkstationAttachment;

/// An effect for the edge to carry out; all are best effort and never fail the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Publish an attachment to a room (2.19).
    PublishAttachment {
        /// The room's notebook.
        notebook_id: String,
        /// What to publish.
        attachment: Box<WorkstationAttachment>,
        /// Close the room's runtime peers with 1012 and this reason.
        close_peers: Option<&'static str>,
    },
    /// Ask a room to reconcile its runtime state if no runtime peer is there (2.24).
    RepairRoom {
        /// The room's notebook.
        notebook_id: String,
        /// What to say about it.
        reason: String,
        /// Skip unless this session is the selected one.
        expected_session: Option<String>,
    },
    /// Wake the workstation: something about this job changed (2.21).
    NotifyJob(Box<AttachJob>),
    /// Tell the workstation that the cloud considers it offline (2.21).
    WentOffline {
        /// Owner of the workstation.
        owner_principal: String,
        /// The workstation.
        workstation_id: String,
        /// Why.
        reason: &'static str,
    },
    /// Refuse frames of a credential's sockets at once, then close them (decision D7).
    CloseCredential {
        /// The revoked credential.
        credential_id: String,
    },
    /// End the sockets that a browser session or an API token opened.
    CloseSession {
        /// Its id.
        session_id: String,
    },
    /// End everything that a person has open.
    ClosePrincipal {
        /// The person.
        principal: String,
        /// Whether they are not to come back; otherwise they dial again and get what is left.
        for_good: bool,
    },
    /// A principal's rights on a notebook changed: look at its sockets again.
    AccessChanged {
        /// The notebook.
        notebook_id: String,
        /// The principal, or `None` for everybody who came by the public link.
        principal: Option<String>,
    },
    /// The owner says after how many minutes a notebook's unused compute stops; 0 is never.
    IdleMinutes {
        /// The notebook.
        notebook_id: String,
        /// The minutes, or `None` for what the machine says.
        minutes: Option<i64>,
    },
    /// Close every socket of a notebook's room: nobody reaches the notebook any more.
    EndRoom {
        /// The notebook.
        notebook_id: String,
        /// What became of it.
        end: RoomEnd,
    },
}

/// What became of a notebook whose room ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomEnd {
    /// It is in the trash and may come back.
    Trashed,
    /// It is gone for good.
    Deleted,
}

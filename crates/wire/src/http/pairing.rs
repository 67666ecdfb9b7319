//! Pairing codes and workstation credentials (control plane 2.5 to 2.9).

use serde::{Deserialize, Serialize};

use crate::{CredentialId, PairingId, UnixMs, WorkstationId};

/// `POST /api/workstations/pairing-codes` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintPairingResponse {
    pub ok: bool,
    pub pairing: MintedPairing,
}

/// A fresh pairing code, shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintedPairing {
    pub id: PairingId,
    /// `XXXX-XXXX-XXXX`; the only secret.
    pub code: String,
    pub expires_at: UnixMs,
}

/// What became of a pairing code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairingStatus {
    Pending,
    Redeemed,
    Registered,
    Expired,
}

/// `GET /api/workstations/pairing-codes/:pairingId` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollPairingResponse {
    pub ok: bool,
    pub pairing: PolledPairing,
}

/// A pairing code as it is polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolledPairing {
    pub id: PairingId,
    pub status: PairingStatus,
    pub expires_at: UnixMs,
    pub workstation_id: Option<WorkstationId>,
}

/// `POST /api/workstations/pairing-codes/redeem` answer; the only place the token appears.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemResponse {
    pub ok: bool,
    pub credential: IssuedCredential,
    pub pairing: RedeemedPairing,
}

/// A credential as it is handed out once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCredential {
    pub token: String,
    pub credential_id: CredentialId,
}

impl std::fmt::Debug for IssuedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCredential")
            .field("credential_id", &self.credential_id)
            .finish_non_exhaustive()
    }
}

/// The pairing a credential came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemedPairing {
    pub id: PairingId,
}

/// `POST /api/workstations/credentials/:credentialId/revoke` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeResponse {
    pub ok: bool,
    pub credential_id: CredentialId,
    pub revoked: bool,
}

/// What a registering credential is told about itself; additive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialNotice {
    pub credential_id: CredentialId,
    #[serde(default)]
    pub expires_at: Option<UnixMs>,
    /// The credential nears its end: rotate it now.
    #[serde(default)]
    pub rotate: bool,
}

/// `POST …/attach-jobs/:jobId/room-token` answer (decision D16).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomTokenResponse {
    pub ok: bool,
    pub room_token: IssuedRoomToken,
}

/// A room token as it is handed out once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedRoomToken {
    pub token: String,
    pub job_id: crate::JobId,
    pub notebook_id: crate::NotebookId,
    pub expires_at: UnixMs,
    /// The same as a duration, for machines whose clock differs.
    pub lifetime_ms: i64,
}

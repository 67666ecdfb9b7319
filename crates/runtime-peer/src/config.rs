//! What a peer is told at its start.

use std::path::PathBuf;

use cloud_client::{BaseUrl, Network, RoomAuth};
use kernel::client::KeeperCommand;
use kernel::confinement::Confinement;
use session_core::LaunchMode;

/// What a peer presents to the cloud.
#[derive(Clone)]
pub enum PeerAuth {
    /// A credential, for good; the agent's socket, if there is one, only hears how the peer is.
    Given(RoomAuth, Option<PathBuf>),
    /// Room tokens that the agent hands out at a socket and renews (decision D16).
    FromAgent(PathBuf),
}

/// Everything a peer needs; the binary makes it from flags and environment (4.1).
#[derive(Clone)]
pub struct PeerConfig {
    /// The way to the cloud.
    pub network: Network,
    /// The cloud.
    pub cloud: BaseUrl,
    /// The notebook.
    pub notebook_id: String,
    /// The scope asked for.
    pub scope: String,
    /// What it presents to the cloud.
    pub auth: PeerAuth,
    /// The operator part of the document actor.
    pub operator: String,
    /// The interpreter; without one the peer only attaches.
    pub python: Option<PathBuf>,
    /// Where kernels start.
    pub working_dir: PathBuf,
    /// Whether the notebook may have an environment of its own here.
    pub environments: bool,
    /// The workstation's id.
    pub workstation_id: Option<String>,
    /// The workstation's name for people.
    pub workstation_display_name: Option<String>,
    /// The attach job's id.
    pub runtime_session_id: Option<String>,
    /// The most private memory of each of a kernel's processes, in bytes.
    pub process_memory: Option<u64>,
    /// When the kernel is launched.
    pub launch_mode: LaunchMode,
    /// The job's folder: keeper, journal, notes.
    pub job_dir: PathBuf,
    /// Bytes of one execution's output that the notebook shows at most.
    pub output_limit: u64,
    /// Bytes that the journal may hold, and as many that are kept of outputs beyond their limit.
    pub journal_limit: u64,
    /// Where the agent keeps kernels that were started before.
    pub warm_kernels: Option<PathBuf>,
    /// How to start a keeper.
    pub keeper: KeeperCommand,
    /// What is kept from all that notebook code may have made.
    pub confinement: Confinement,
}

impl std::fmt::Debug for PeerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerConfig")
            .field("notebook_id", &self.notebook_id)
            .field("job_dir", &self.job_dir)
            .finish_non_exhaustive()
    }
}

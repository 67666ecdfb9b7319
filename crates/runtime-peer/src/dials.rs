//! What a peer presents at the room's door, at each dial anew.

use cloud_client::RoomDial;

use crate::config::PeerConfig;
use crate::link::DialSource;
use crate::tokens::Tokens;

/// Each dial presents what is good by then.
pub(crate) struct Dials {
    dial: RoomDial,
    tokens: Tokens,
}

impl Dials {
    pub fn new(config: &PeerConfig, tokens: Tokens) -> Self {
        let dial = RoomDial {
            network: config.network.clone(),
            base: config.cloud.clone(),
            notebook_id: config.notebook_id.clone(),
            scope: config.scope.clone(),
            operator: Some(config.operator.clone()),
            auth: tokens.auth(),
            runtime_session_id: config.runtime_session_id.clone(),
            workstation_id: config.workstation_id.clone(),
            workstation_display_name: config.workstation_display_name.clone(),
            default_environment: config.python.as_ref().map(|_| "Current Python".to_owned()),
            environment_policy: config.python.as_ref().map(|_| "current_python".to_owned()),
            working_directory: Some(config.working_dir.to_string_lossy().into_owned()),
            rejoins: true,
        };
        Self { dial, tokens }
    }
}

impl DialSource for Dials {
    fn next_dial(&mut self) -> RoomDial {
        RoomDial {
            auth: self.tokens.auth(),
            ..self.dial.clone()
        }
    }

    fn token_expired(&mut self) {
        self.tokens.expired();
    }
}

//! Bringing compute back when somebody executes and no peer is there (2.22).

use control_plane::{Effect, Refusal, attach};
use uuid::Uuid;
use wire::WorkstationAttachment;

use crate::app::App;

impl App {
    /// Resumes on the workstation of a room's attachment. Returns the attachment the room is to
    /// show now, or none when the workstation is gone or not alive. The room publishes it itself.
    pub async fn resume_compute(
        &self,
        notebook_id: &str,
        current: &WorkstationAttachment,
    ) -> Result<Option<WorkstationAttachment>, Refusal> {
        let Some(selected) = current.selected() else {
            return Ok(None);
        };
        let resumed = attach::resume(
            self.catalog(),
            notebook_id,
            selected.workstation_id,
            selected.runtime_session_id,
            self.now_ms(),
            Uuid::new_v4().to_string(),
        )
        .await;
        let resumed = match resumed {
            Ok(resumed) => resumed,
            Err(refused) => {
                self.carry_out(refused.effects).await;
                return Err(refused.refusal);
            }
        };
        let Some(resumed) = resumed else {
            return Ok(None);
        };
        let mut shown = None;
        let mut others = Vec::new();
        for effect in resumed.effects {
            match effect {
                Effect::PublishAttachment { attachment, .. } => shown = Some(*attachment),
                other => others.push(other),
            }
        }
        self.carry_out(others).await;
        Ok(shown)
    }
}

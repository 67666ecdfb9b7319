//! Which compute is selected, who may come in as its peer, and publishing it (room protocol 7.2 to 7.4).

use documents::DocKind;
use documents::runtime_state::DISCONNECTED_PREFIX;
use wire::attachment::{FenceError, check_fence, is_stale_publish, status};
use wire::close::{Close, STALE_SESSION};
use wire::{JobId, PeerId, UnixMs, WorkstationAttachment, WorkstationId};

use crate::departure::{Queued, is_away, is_over};
use crate::roster::Departure;
use crate::runtime_doc::{self, Lifecycle};
use crate::{AttachmentUpdate, Room, WorkstationHeaders, notebook_doc};

impl Room {
    /// Decides before the upgrade whether a runtime peer may come in; the error is the 409's text.
    pub fn admit(&self, workstation: &WorkstationHeaders) -> Result<(), FenceError> {
        let selected = self
            .attachment
            .as_ref()
            .and_then(WorkstationAttachment::selected);
        let id = workstation
            .workstation_id
            .as_ref()
            .map(WorkstationId::as_str);
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or(WorkstationId::RUNTIME_PEER);
        let session = workstation.runtime_session_id.as_ref().map(JobId::as_str);
        check_fence(selected, id, session.filter(|id| !id.is_empty()))?;
        match &self.attachment {
            Some(attachment) if selected.is_some() && is_over(attachment) => Err(FenceError::Ended),
            _ => Ok(()),
        }
    }

    pub(crate) fn attachment_published(&mut self, now: UnixMs, update: AttachmentUpdate) {
        let new = update.attachment;
        if self
            .attachment
            .as_ref()
            .is_some_and(|current| is_stale_publish(current, &new))
        {
            return;
        }
        let current = self.attachment.as_ref();
        let same_session = current.is_some_and(|current| current.job_id() == new.job_id());
        let ends = [status::DISCONNECTED, status::ERROR].contains(&new.status.as_str());
        let absent = new.status == status::READY && self.runtime_peer_count() == 0;
        let known = current.is_some_and(|current| {
            // Stopped on purpose says more than the end that followed, or than a report of the job that crossed it; and
            // that a job runs does not mean that its peer is here.
            let is_stopped = current.status == status::IDLE;
            is_stopped && (ends || current.job_id().is_some()) || absent && is_away(current)
        });
        if same_session && known {
            return;
        }
        if same_session && ends && current.is_some_and(|current| current.status != status::IDLE) {
            let reason = new.status_message.clone();
            let reason = reason.unwrap_or_else(|| "the runtime session ended".to_owned());
            self.end_work(&reason, Queued::Cancel);
        } else if current.is_some() && !same_session {
            // The old kernel is gone for good; what waits runs on the new one (Appendix B, Q-04).
            self.end_work("the runtime session was replaced", Queued::Keep);
        }
        self.publish(&new);
        if absent {
            self.expect_return(now);
        }
        // A peer whose job is over would live on if its agent is not there to end it.
        let over = (same_session && ends).then_some(STALE_SESSION);
        if let Some(close) = update.close_runtime_peers.or(over) {
            self.close_other_sessions(now, &new, ends, close);
        }
        self.watch_idleness(now);
    }

    fn close_other_sessions(
        &mut self,
        now: UnixMs,
        new: &WorkstationAttachment,
        all: bool,
        close: Close,
    ) {
        let session = new.runtime_session_id.as_deref();
        for peer_id in self.runtime_peer_ids() {
            let peer = self.peers.get(&peer_id);
            let stays =
                session.is_some() && peer.is_some_and(|peer| peer.runtime_session_id() == session);
            if all || !stays {
                self.close(now, &peer_id, close, Departure::Ended);
            }
        }
    }

    /// Writes an attachment into the document and sends it to everybody.
    pub(crate) fn publish(&mut self, new: &WorkstationAttachment) {
        if self
            .attachment
            .as_ref()
            .is_some_and(|current| is_stale_publish(current, new))
        {
            return;
        }
        if let Some(current) = &mut self.attachment {
            let mut same = new.clone();
            same.updated_at.clone_from(&current.updated_at);
            if same == *current {
                // A heartbeat says nothing new: an idle notebook does not grow (decision D11).
                current.updated_at.clone_from(&new.updated_at);
                return;
            }
        }
        let clears_error = new.provider == "runtime_peer"
            && new.status == status::READY
            && runtime_doc::error_details(self.doc(DocKind::RuntimeState))
                .is_some_and(|details| details.starts_with(DISCONNECTED_PREFIX));
        let written = self.author(DocKind::RuntimeState, |doc| {
            if clears_error {
                runtime_doc::write_lifecycle(doc, Lifecycle::NotStarted, "")?;
            }
            runtime_doc::write_attachment(doc, new)
        });
        if let Err(error) = written {
            tracing::error!(%error, "an attachment cannot be written");
            return;
        }
        self.attachment = Some(new.clone());
        if new.status != status::READY {
            self.return_by = None;
        }
        self.relay(DocKind::RuntimeState, None);
    }

    /// Runtime peers do not read the notebook: the room tells them which kernel it asks for.
    pub(crate) fn note_kernelspec(&mut self) {
        self.note_wanted(false);
    }

    /// The same before a run. What a kernel is made from is looked for, in all cells, only while there is none.
    pub(crate) fn note_kernelspec_for_run(&mut self) {
        let has_kernel = runtime_doc::is_running(self.doc(DocKind::RuntimeState));
        self.note_wanted(has_kernel);
    }

    fn note_wanted(&mut self, has_kernel: bool) {
        let notebook = self.doc(DocKind::Notebook);
        let wanted = notebook_doc::kernelspec(notebook);
        let declared = (!has_kernel).then(|| notebook_doc::declared_environment(notebook));
        let noted = self.author(DocKind::RuntimeState, |doc| {
            runtime_doc::write_kernelspec(doc, wanted.as_ref())?;
            match &declared {
                Some(declared) => runtime_doc::write_declared(doc, declared.as_ref()),
                None => Ok(()),
            }
        });
        match noted {
            Ok(true) => self.relay(DocKind::RuntimeState, None),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the notebook's kernel cannot be noted"),
        }
    }

    /// Publishes that a runtime peer is here.
    pub(crate) fn runtime_peer_joined(&mut self, now: UnixMs, peer_id: &PeerId) {
        self.return_by = None;
        let Some(peer) = self.peers.get(peer_id) else {
            return;
        };
        let workstation_id = peer.workstation_id().to_owned();
        let headers = peer.join.workstation.clone().unwrap_or_default();
        let retained = self
            .attachment
            .clone()
            .filter(|old| old.workstation_id == workstation_id);
        let old = retained.unwrap_or_else(|| default_attachment(&workstation_id));
        let ready = WorkstationAttachment {
            display_name: headers.display_name.unwrap_or(old.display_name),
            provider: "runtime_peer".to_owned(),
            default_environment_label: headers
                .default_environment
                .unwrap_or(old.default_environment_label),
            environment_policy: headers.environment_policy.unwrap_or(old.environment_policy),
            status: status::READY.to_owned(),
            status_message: None,
            cpu_count: headers.cpu_count.or(old.cpu_count),
            memory_bytes: headers.memory_bytes.or(old.memory_bytes),
            accelerators: headers.accelerators.or(old.accelerators),
            working_directory: headers.working_directory.or(old.working_directory),
            updated_at: Some(peer.join.connected_at.to_iso()),
            runtime_session_id: peer.runtime_session_id().map(str::to_owned),
            workstation_id,
        };
        self.publish(&ready);
        self.forget_missed_alarm(now);
        self.watch_idleness(now);
    }
}

/// What an attachment says when nothing better is known.
pub(crate) fn default_attachment(workstation_id: &str) -> WorkstationAttachment {
    WorkstationAttachment {
        workstation_id: workstation_id.to_owned(),
        display_name: "Attached workstation".to_owned(),
        provider: "runtime_peer".to_owned(),
        default_environment_label: "Current Python".to_owned(),
        environment_policy: "runtime_peer".to_owned(),
        ..WorkstationAttachment::default()
    }
}

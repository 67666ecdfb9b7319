//! The session itself: its parts and the one entry point.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use documents::runtime_state::OutputPlace;
use documents::{CommsDoc, RuntimeStateDoc};
use wire::UnixMs;

use crate::commit::{Acks, Op};
use crate::event::{Effect, Event, KernelInfo, Outcome};
use crate::input::InputRequest;
use crate::lane::Lane;
use crate::late::ShownAhead;
use crate::pace::Pace;
use crate::queue::{Current, Waiting};
use crate::replica::Replica;
use crate::requests::Query;
use crate::settings::Settings;

/// Where the kernel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    None,
    Launching,
    Ready,
}

/// A runtime session. See the crate's documentation.
pub struct Session {
    pub(crate) settings: Settings,
    pub(crate) now: UnixMs,
    pub(crate) effects: Vec<Effect>,
    pub(crate) over: bool,
    // Link and documents.
    pub(crate) linked: bool,
    /// As whom the room admitted the first link.
    pub(crate) principal: String,
    /// Whether the room is one of ours (see [`Event::LinkUp`]).
    pub(crate) is_ours: bool,
    /// Links there were, this one included.
    pub(crate) links: u64,
    /// Whether the room refused what was written.
    pub(crate) is_refused: bool,
    /// What a session that was refused had written, until it is compared with what the room has.
    pub(crate) written_before: Option<crate::lost_writes::WrittenBefore>,
    /// Whether this session wrote again what the room had lost.
    pub(crate) has_restored: bool,
    /// Answers that the room may have refused since a frame that it takes for certain.
    pub(crate) doubtful_frames: u32,
    /// Whether the room left a frame unanswered, so that all is to be compared anew.
    pub(crate) resync: crate::resync::Resync,
    /// What an ended execution's stream shows already of its next part.
    pub(crate) shown_ahead: Option<ShownAhead>,
    pub(crate) state: Option<Replica<RuntimeStateDoc>>,
    pub(crate) comms: Option<Replica<CommsDoc>>,
    pub(crate) looked_around: bool,
    pub(crate) comms_known: bool,
    pub(crate) acks: Acks,
    pub(crate) dirty: bool,
    pub(crate) urgent: bool,
    pub(crate) blocked: bool,
    /// Whether a frame of the room waits for its answer.
    pub(crate) reply_due: bool,
    /// When an execution that the kernel was handed is written as running, if nothing comes before.
    pub(crate) start_due: Option<UnixMs>,
    /// Until when writes wait for others to be sent with.
    pub(crate) waits_until: Option<UnixMs>,
    pub(crate) pace: Pace,
    // Kernel.
    pub(crate) kernel: Kernel,
    pub(crate) kernel_info: KernelInfo,
    pub(crate) launch_armed: bool,
    pub(crate) launch_failures: u32,
    pub(crate) lifecycle: VecDeque<crate::kernel::LifecycleWrite>,
    // Executions.
    pub(crate) waiting: BTreeMap<(u64, String), Waiting>,
    pub(crate) taken: HashSet<String>,
    pub(crate) current: Option<Current>,
    pub(crate) gate: Option<crate::queue::Gate>,
    pub(crate) half_ended: Option<crate::reply_and_idle::HalfEnded>,
    /// While the journal is read again: the last execution that the kernel was given and has not reported idle for.
    pub(crate) unfinished: Option<String>,
    pub(crate) orphans: Vec<String>,
    // Outputs.
    pub(crate) lanes: HashMap<String, Lane>,
    pub(crate) lane_order: VecDeque<String>,
    pub(crate) output_widgets: Vec<crate::capture::OutputWidget>,
    /// Those of the session before, until the journal is read to where they stood.
    pub(crate) captured_before: Option<crate::capture::Captured>,
    /// Values of widgets as that session knew them, until the kernel was told what is new.
    pub(crate) comms_before: Option<crate::handover::CommsBefore>,
    pub(crate) widgets: crate::widgets::Widgets,
    pub(crate) ops: VecDeque<Op>,
    /// Where the last output was written, as long as nothing else was written or came from the room.
    pub(crate) output_place: Option<OutputPlace>,
    pub(crate) pending_bytes: usize,
    pub(crate) uploading: HashMap<String, usize>,
    pub(crate) uploaded: HashSet<String>,
    pub(crate) caught_up: bool,
    /// Where the journal was read to.
    pub(crate) read_to: Option<u64>,
    pub(crate) journal_waits: bool,
    // Requests.
    pub(crate) queries: HashMap<String, Query>,
    pub(crate) input_request: Option<InputRequest>,
    pub(crate) next_message: u64,
    pub(crate) stopping: Option<UnixMs>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("linked", &self.linked)
            .field("kernel", &self.kernel)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Makes a session without a link and without a kernel.
    pub fn new(settings: Settings) -> Self {
        let comms_before = settings.adopted.then(crate::handover::CommsBefore::unknown);
        Self {
            caught_up: !settings.adopted,
            read_to: None,
            journal_waits: false,
            kernel: if settings.adopted {
                Kernel::Launching
            } else {
                Kernel::None
            },
            launch_armed: !settings.adopted
                && settings.launch == crate::settings::LaunchMode::Attach,
            settings,
            now: UnixMs(0),
            effects: Vec::new(),
            over: false,
            linked: false,
            principal: String::new(),
            is_ours: false,
            links: 0,
            is_refused: false,
            written_before: None,
            has_restored: false,
            doubtful_frames: 0,
            resync: crate::resync::Resync::default(),
            shown_ahead: None,
            state: None,
            comms: None,
            looked_around: false,
            comms_known: false,
            acks: Acks::default(),
            dirty: false,
            urgent: false,
            blocked: false,
            reply_due: false,
            start_due: None,
            waits_until: None,
            pace: Pace::default(),
            kernel_info: KernelInfo::default(),
            launch_failures: 0,
            lifecycle: VecDeque::new(),
            waiting: BTreeMap::new(),
            taken: HashSet::new(),
            current: None,
            gate: None,
            half_ended: None,
            unfinished: None,
            orphans: Vec::new(),
            lanes: HashMap::new(),
            lane_order: VecDeque::new(),
            output_widgets: Vec::new(),
            captured_before: None,
            comms_before,
            widgets: crate::widgets::Widgets::default(),
            ops: VecDeque::new(),
            output_place: None,
            pending_bytes: 0,
            uploading: HashMap::new(),
            uploaded: HashSet::new(),
            queries: HashMap::new(),
            input_request: None,
            next_message: 0,
            stopping: None,
        }
    }

    /// Takes in what happened at `now`; returns what to do, in order.
    pub fn handle(&mut self, now: UnixMs, event: Event) -> Vec<Effect> {
        self.now = now;
        if self.over {
            return Vec::new();
        }
        match event {
            Event::LinkUp { principal, is_ours } => {
                self.is_ours = is_ours;
                self.link_up(&principal);
            }
            Event::LinkDown { reason } => self.link_down(&reason),
            Event::Frame(bytes) => self.frame(&bytes),
            Event::Journal(entries) => self.journal(entries),
            Event::JournalCaughtUp => self.journal_caught_up(),
            Event::KernelReady(info) => self.kernel_ready(info),
            Event::KernelPreparing { progress } => self.kernel_preparing(progress),
            Event::KernelLaunchFailed { reason, details } => self.launch_failed(&reason, &details),
            Event::KernelDied { details } => self.kernel_died(&details),
            Event::BlobUploaded { sha256 } => self.blob_uploaded(&sha256),
            Event::BlobFailed { sha256, reason } => self.blob_failed(&sha256, &reason),
            Event::BlobFetched { sha256, bytes } => self.blob_fetched(sha256, bytes),
            Event::Tick => {}
            Event::Stop => self.stop(),
        }
        self.advance();
        std::mem::take(&mut self.effects)
    }

    /// Whether journal entries should be pulled: they are refused neither by memory nor, while the
    /// link is down, written to the document; they wait in the journal.
    pub fn wants_journal(&self) -> bool {
        !self.over
            && self.in_sync()
            && self.pending_bytes < self.settings.pending_cap_bytes
            && self.ops.len() < self.settings.pending_cap_ops
    }

    /// Whether changes may be authored: the link is up and the room's state is known.
    pub fn in_sync(&self) -> bool {
        self.is_open() && self.state.as_ref().is_some_and(Replica::in_sync)
    }

    /// Whether the link carries documents.
    pub(crate) fn is_open(&self) -> bool {
        self.linked && !self.resync.is_due()
    }

    /// Whether an execution runs in the kernel.
    pub fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Whether the room has all that was written, and no interrupted execution still runs.
    pub fn is_settled(&self) -> bool {
        self.gate.is_none() && self.ops.is_empty() && !self.dirty
    }

    /// How the kernel is, in the room's words in lower case: `none`, `launching`, `idle` or `busy`.
    pub fn kernel_word(&self) -> &'static str {
        match self.kernel {
            Kernel::None => "none",
            Kernel::Launching => "launching",
            Kernel::Ready if self.is_busy() => "busy",
            Kernel::Ready => "idle",
        }
    }

    /// The kernel that the notebook asks for, as far as the room has said; none: the interpreter's own.
    pub fn kernelspec(&self) -> Option<documents::WantedKernelspec> {
        let wanted = self.state.as_ref()?.doc.wanted_kernelspec()?;
        (!matches!(wanted.name.as_str(), "" | "python" | "python3")).then_some(wanted)
    }

    /// The environment that the notebook declares, as far as the room has said.
    pub fn declared_environment(&self) -> Option<documents::DeclaredEnvironment> {
        self.state.as_ref()?.doc.declared_environment()
    }

    /// The heads of a replica: equal to the room's once both have everything.
    pub fn heads(&mut self, kind: documents::DocKind) -> Vec<automerge::ChangeHash> {
        match kind {
            documents::DocKind::RuntimeState => self.state.as_mut().map(Replica::heads),
            documents::DocKind::Comms => self.comms.as_mut().map(Replica::heads),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// What follows from everything that happened so far.
    fn advance(&mut self) {
        self.flush_due_streams();
        self.release_comms();
        self.end_half_ended();
        if self.in_sync() {
            self.remove_orphans();
            self.write_lifecycle();
            self.apply_ops();
            self.forward_missed();
            self.remove_gone();
            self.settle_orphans();
            self.pump();
        }
        self.expire_queries();
        self.escalate_interrupt();
        self.resync_if_due();
        self.send_changes();
        self.finish_stop();
        self.wake();
    }

    /// Ends the session.
    pub(crate) fn exit(&mut self, outcome: Outcome) {
        if !self.over {
            self.over = true;
            self.effects.push(Effect::Exit(outcome));
        }
    }

    /// The label under which this session authors (RP-210).
    pub(crate) fn agent_id(&self) -> String {
        format!("{}/agent:runt:{}", self.principal, self.settings.nonce)
    }

    /// Asks for a tick at the nearest time something is due.
    fn wake(&mut self) {
        let streams = self
            .lanes
            .values()
            .filter_map(|lane| lane.due(&self.settings));
        let streams = if self.caught_up { streams.min() } else { None };
        let send = (self.dirty && !self.blocked && self.in_sync())
            .then(|| self.send_at().unwrap_or(self.now));
        let start = self.start_due.filter(|_| self.in_sync());
        let queries = self.queries.values().map(|query| query.deadline).min();
        let gate = self.gate.as_ref().and_then(|gate| gate.escalate_at);
        let stop = self.stopping.map(|at| at.plus(self.settings.stop_flush_ms));
        let widgets = self.widgets.due();
        let half_ended = self.half_ended_due();
        let resync = self.resync.due_at();
        let due = [
            streams, send, start, queries, gate, stop, widgets, half_ended, resync,
        ];
        let due = due.into_iter().flatten().min();
        if let (Some(due), false) = (due, self.over) {
            self.effects.push(Effect::WakeAt(due.max(self.now)));
        }
    }
}

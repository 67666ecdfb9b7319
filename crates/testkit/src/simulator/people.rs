//! What people do: type, run, interrupt, attach.

use rand::Rng;
use wire::Scope;

use super::browser::{Edit, Run};
use super::world::{Action, World};

/// Something only the owner does.
#[derive(Debug, Clone, Copy)]
pub(super) enum OwnerAct {
    Attach { station: usize, replace: bool },
    Cancel,
    Interrupt,
    RestartKernel,
}

impl World {
    /// One thing a person does: types, or makes a cell and runs it.
    pub(super) fn browser_acts(&mut self, end: usize) {
        let (cell, text): (u128, u32) = (self.rng.random(), self.rng.random());
        let execution = uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string();
        let runs = self.rng.random_bool(0.6);
        let raises = !self.strict && self.rng.random_bool(0.15);
        let word = if raises { "raise" } else { "print" };
        let browser = &mut self.browsers[end];
        let cell = format!("cell-{cell:032x}");
        browser.edit(Edit {
            line: format!("# {text}\n"),
            cell: cell.clone(),
            source: format!("{word}({text})"),
        });
        if runs && browser.is_ready && !browser.is_partial && browser.scope() == Scope::Owner {
            browser.run(Run { cell, execution });
        }
        self.send_from_browser(end);
    }

    pub(super) fn owner_acts(&mut self, act: OwnerAct) {
        let action = match act {
            OwnerAct::Interrupt => "interrupt_execution",
            OwnerAct::RestartKernel => "restart_kernel",
            OwnerAct::Attach { .. } | OwnerAct::Cancel if self.room.is_none() => {
                // No answer: people try again.
                return self.at(300, Action::Owner(act));
            }
            OwnerAct::Attach { station, replace } => return self.attach(station, replace),
            OwnerAct::Cancel => return self.cancel_job(),
        };
        if self.browsers[0].is_ready {
            let id = self.rng.random::<u32>().to_string();
            self.browsers[0].ask(&id, action);
            self.send_from_browser(0);
        }
    }
}

//! Which jobs this machine takes: a drain, an allowlist and a most number at once.

use crate::JobOrder;

/// What the operator allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Notebooks (by id) and people (by principal, `user:…`) that may use the machine; empty allows everyone whom the
    /// cloud lets in.
    pub allow: Vec<String>,
    /// Most jobs at once; `None` is no limit.
    pub max_jobs: Option<u32>,
    /// What runs is finished and nothing new is taken.
    pub draining: bool,
    /// Why nothing can be stored on this machine: new jobs are refused, those that live go on.
    pub storage: Option<String>,
}

impl Admission {
    /// Why a new job is refused, in words for the notebook's owner; `None` when it is welcome. `active` is the number
    /// of jobs that are served already.
    pub(crate) fn refusal(&self, order: &JobOrder, active: usize) -> Option<String> {
        if self.draining {
            return Some(
                "This workstation takes no new notebooks at the moment (it is draining)\n\
                 Hint: choose another workstation, or ask its operator to run `runt workstation drain --undo`"
                    .to_owned(),
            );
        }
        if let Some(trouble) = &self.storage {
            return Some(format!(
                "This workstation cannot store what a notebook needs: {trouble}\n\
                 Hint: choose another workstation, or ask its operator to make space (`runt workstation doctor`)"
            ));
        }
        let is_allowed = |allowed: &String| {
            *allowed == order.notebook_id || order.requested_by.as_ref() == Some(allowed)
        };
        if !self.allow.is_empty() && !self.allow.iter().any(is_allowed) {
            return Some(
                "This workstation's operator allows only certain notebooks and people, and this is not one of them\n\
                 Hint: choose another workstation, or ask its operator to allow this notebook (`allow`)"
                    .to_owned(),
            );
        }
        let most = self.max_jobs?;
        (active >= most as usize).then(|| {
            format!(
                "This workstation serves as many notebooks as its operator allows ({active})\n\
                 Hint: detach another notebook from it, or choose another workstation"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> JobOrder {
        JobOrder {
            job_id: "j".into(),
            notebook_id: "n1".into(),
            requested_by: Some("user:local:ada".into()),
            ..JobOrder::default()
        }
    }

    #[test]
    fn notebooks_and_people_are_allowed_by_name_and_everyone_when_nobody_is_named() {
        let allows = |allow: &[&str]| {
            let admission = Admission {
                allow: allow.iter().map(|name| (*name).to_owned()).collect(),
                ..Admission::default()
            };
            admission.refusal(&order(), 9).is_none()
        };
        assert!(allows(&[]));
        assert!(allows(&["n0", "n1"]));
        assert!(allows(&["user:local:ada"]));
        assert!(!allows(&["n", "user:local:a", ""]));
        // A cloud that does not say who asks: only the notebook counts.
        let unsaid = JobOrder {
            requested_by: None,
            ..order()
        };
        let admission = Admission {
            allow: vec!["user:local:ada".into()],
            ..Admission::default()
        };
        assert!(admission.refusal(&unsaid, 0).is_some());
    }

    #[test]
    fn a_full_or_draining_machine_says_so() {
        let full = Admission {
            max_jobs: Some(2),
            ..Admission::default()
        };
        assert_eq!(full.refusal(&order(), 1), None);
        assert!(full.refusal(&order(), 2).unwrap().contains("(2)"));
        let draining = Admission {
            draining: true,
            ..Admission::default()
        };
        assert!(draining.refusal(&order(), 0).unwrap().contains("draining"));
        let full_disk = Admission {
            storage: Some("the disk is full".into()),
            ..Admission::default()
        };
        let told = full_disk.refusal(&order(), 0).unwrap();
        assert!(told.contains("the disk is full\nHint: "), "{told}");
    }
}

//! The JSON shapes a client reads and writes, read tolerantly (spec 3.9 and 3.10).

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use wire::http::JobStatus;

/// What redeeming a pairing code gives.
#[derive(Debug)]
pub struct PairedCredential {
    /// The bearer token; it appears in this answer and nowhere else.
    pub token: SecretString,
    /// The credential's id, shown in the panel and used to revoke it.
    pub credential_id: String,
    /// The pairing's id, when given.
    pub pairing_id: Option<String>,
}

/// A token of one room, good for some minutes.
#[derive(Debug, Clone)]
pub struct RoomToken {
    /// The bearer token.
    pub token: SecretString,
    /// How long it is good for, from now.
    pub lifetime: std::time::Duration,
}

/// Body of a job report.
#[derive(Debug, Clone, Serialize)]
pub struct JobPatch {
    /// The state to report.
    pub status: JobStatus,
    /// Why, for failures; at most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// One attach job as listed by the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AttachJob {
    /// The job's id, which is also the runtime session's id.
    pub job_id: String,
    /// The notebook to attach to.
    pub notebook_id: String,
    /// `pending`, `accepted` or `running`; anything else is treated like the latter two.
    #[serde(default)]
    pub status: String,
    /// Why the job exists.
    #[serde(default = "default_trigger", deserialize_with = "trigger_or_null")]
    pub trigger: String,
    /// Folder asked for by the job.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// File the notebook lives in, if any.
    #[serde(default)]
    pub notebook_path: Option<String>,
    /// The principal who asked; the reference does not say.
    #[serde(default)]
    pub requested_by: Option<String>,
}

/// Null says no more than an absent field.
fn trigger_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let trigger = Option::deserialize(deserializer)?;
    Ok(trigger.unwrap_or_else(default_trigger))
}

fn default_trigger() -> String {
    "user_attach".to_owned()
}

/// The jobs of one poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolledJobs {
    /// Jobs that could be read.
    pub jobs: Vec<AttachJob>,
    /// Ids (or positions) of the elements that could not.
    pub skipped: Vec<String>,
    /// Whether there are no others, as far as can be told.
    pub is_whole: bool,
}

/// So many jobs may be the first page of more, from a cloud that does not say (CP 3.9): its usual page and its largest.
const UNTOLD_PAGES: [usize; 2] = [10, 25];

impl PolledJobs {
    /// Reads a poll's body: a bare array, or an object with `jobs` or `attach_jobs`.
    pub fn from_body(body: &Value) -> Self {
        let list = body
            .as_array()
            .or_else(|| body.get("jobs").and_then(Value::as_array))
            .or_else(|| body.get("attach_jobs").and_then(Value::as_array));
        let mut out = Self {
            is_whole: body.get("next").map_or_else(
                || list.is_none_or(|list| !UNTOLD_PAGES.contains(&list.len())),
                Value::is_null,
            ),
            ..Self::default()
        };
        for (index, item) in list.into_iter().flatten().enumerate() {
            match AttachJob::deserialize(item) {
                Ok(job) if !job.job_id.is_empty() && !job.notebook_id.is_empty() => {
                    out.jobs.push(job);
                }
                _ => out.skipped.push(
                    item.get("job_id")
                        .and_then(Value::as_str)
                        .map_or_else(|| format!("#{index}"), str::to_owned),
                ),
            }
        }
        out
    }

    /// Takes the next page's jobs. A job that moved on meanwhile counts as it was.
    pub(crate) fn append(&mut self, page: Self) {
        self.is_whole = page.is_whole;
        for job in page.jobs {
            if !self.jobs.iter().any(|known| known.job_id == job.job_id) {
                self.jobs.push(job);
            }
        }
        for id in page.skipped {
            if !self.skipped.contains(&id) {
                self.skipped.push(id);
            }
        }
    }
}

/// Answer to a blob upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobStored {
    /// Whether the cloud had it already.
    pub deduplicated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_whole_if_the_cloud_says_so_or_if_it_is_no_full_page() {
        let listed = |count: usize| {
            let job = |n: usize| json!({"job_id": n.to_string(), "notebook_id": "n"});
            (0..count).map(job).collect::<Vec<_>>()
        };
        let is_whole = |body: Value| PolledJobs::from_body(&body).is_whole;
        for (count, expected) in [(0, true), (9, true), (10, false), (24, true), (25, false)] {
            assert_eq!(is_whole(json!({"jobs": listed(count)})), expected);
            assert!(is_whole(json!({"jobs": listed(count), "next": null})));
            assert!(!is_whole(json!({"jobs": listed(count), "next": "x"})));
        }
        let mut first = PolledJobs::from_body(&json!({"jobs": listed(25), "next": "x"}));
        first.append(PolledJobs::from_body(
            &json!({"jobs": listed(10), "next": null}),
        ));
        assert!(first.is_whole);
    }

    fn ids(body: &Value) -> Vec<String> {
        PolledJobs::from_body(body)
            .jobs
            .into_iter()
            .map(|job| job.job_id)
            .collect()
    }

    // WS-181
    #[test]
    fn ws_181_three_shapes_and_jobs_wins() {
        let job = |id: &str| json!([{"job_id": id, "notebook_id": "n"}]);
        assert_eq!(ids(&job("a")), ["a"]);
        assert_eq!(ids(&json!({"jobs": job("b")})), ["b"]);
        assert_eq!(ids(&json!({"attach_jobs": job("c")})), ["c"]);
        assert_eq!(
            ids(&json!({"attach_jobs": job("c"), "jobs": job("b")})),
            ["b"]
        );
        assert!(ids(&json!({"ok": true})).is_empty());
    }

    // WS-182 WS-183
    #[test]
    fn ws_182_183_bad_elements_are_named_and_the_trigger_has_a_default() {
        let polled = PolledJobs::from_body(&json!({"jobs": [
            {"job_id": "x"}, {"notebook_id": "n"}, {"job_id": "ok", "notebook_id": "n", "trigger": null}, 7,
            {"job_id": "too", "notebook_id": "n"}
        ]}));
        assert_eq!(polled.jobs[1].trigger, "user_attach");
        assert_eq!(polled.skipped, ["x", "#1", "#3"]);
        assert_eq!(polled.jobs[0].trigger, "user_attach");
        assert_eq!(polled.jobs[0].status, "");
    }
}

//! Comparing what was recorded with what we answer: the same keys, types and values, where ids, tokens and times are
//! ours but the same id always stands for the same thing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The names that the recording and our server give the same things.
#[derive(Debug, Default)]
pub struct Names {
    ours: BTreeMap<String, String>,
    recorded: BTreeMap<String, String>,
}

impl Names {
    /// Says that `recorded` is called `ours` here.
    pub fn learn(&mut self, recorded: &str, ours: &str) {
        self.ours.insert(recorded.to_owned(), ours.to_owned());
        self.recorded.insert(ours.to_owned(), recorded.to_owned());
    }

    /// Puts our names into a text.
    pub fn text(&self, text: &str) -> String {
        self.ours
            .iter()
            .fold(text.to_owned(), |text, (recorded, ours)| {
                text.replace(recorded, ours)
            })
    }

    /// Puts our names into a JSON value.
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), self.json(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// Learns the names in an answer, then tells every difference as `path: what`.
    pub fn compare(&mut self, recorded: &Value, ours: &Value) -> Vec<String> {
        self.study(recorded, ours);
        let mut differences = Vec::new();
        self.difference("", recorded, ours, &mut differences);
        differences
    }

    fn study(&mut self, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (key, value) in recorded {
                    if let Some(ours) = ours.get(key) {
                        self.study(value, ours);
                    }
                }
            }
            (Value::Array(recorded), Value::Array(ours)) => {
                for (recorded, ours) in recorded.iter().zip(ours) {
                    self.study(recorded, ours);
                }
            }
            (Value::String(recorded), Value::String(ours)) => {
                let kind = Kind::of(recorded);
                let is_name = !matches!(kind, Kind::Literal | Kind::Time) && kind == Kind::of(ours);
                let is_new = !self.ours.contains_key(recorded) && !self.recorded.contains_key(ours);
                if is_name && is_new && recorded != ours {
                    self.learn(recorded, ours);
                }
            }
            _ => {}
        }
    }

    fn difference(&self, path: &str, recorded: &Value, ours: &Value, out: &mut Vec<String>) {
        let below = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (key, value) in recorded {
                    match ours.get(key) {
                        Some(ours) => self.difference(&below(key), value, ours, out),
                        None => out.push(format!("{}: missing", below(key))),
                    }
                }
                for key in ours.keys().filter(|key| !recorded.contains_key(*key)) {
                    out.push(format!("{}: extra", below(key)));
                }
            }
            (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
                for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                    self.difference(&below(&index.to_string()), recorded, ours, out);
                }
            }
            (Value::String(text), Value::String(value)) => {
                let both_times = Kind::of(text) == Kind::Time && Kind::of(value) == Kind::Time;
                if self.text(text) != *value && !both_times {
                    out.push(format!("{path}: {value:?} instead of {text:?}"));
                }
            }
            _ if recorded == ours => {}
            _ => out.push(format!("{path}: {ours} instead of {recorded}")),
        }
    }
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uuid,
    Ulid,
    Code,
    Token,
    Time,
    Literal,
}

impl Kind {
    fn of(text: &str) -> Self {
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let upper = |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
        if uuid::Uuid::parse_str(text).is_ok() && groups == [8, 4, 4, 4, 12] {
            Self::Uuid
        } else if text.len() == 26 && text.chars().all(upper) {
            Self::Ulid
        } else if groups == [4, 4, 4] && text.chars().all(|c| c == '-' || upper(c)) {
            Self::Code
        } else if text.starts_with("nwc_") {
            Self::Token
        } else if is_time(text) {
            Self::Time
        } else {
            Self::Literal
        }
    }
}

/// `2026-11-20T12:18:38.225Z`, and nothing else.
fn is_time(text: &str) -> bool {
    let pattern = "0000-00-00T00:00:00.000Z";
    text.len() == pattern.len()
        && text
            .chars()
            .zip(pattern.chars())
            .all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Names;

    const A: &str = "a21abdbb-423e-4c39-9b51-5f270be7cf68";
    const B: &str = "3932b62d-a72b-4d17-b362-ace29fef4e28";

    #[test]
    fn an_id_must_stand_for_the_same_thing_everywhere() {
        let mut names = Names::default();
        let recorded = json!({ "id": A, "path": format!("/x/{A}"), "again": A });
        let ours = json!({ "id": B, "path": format!("/x/{B}"), "again": B });
        assert_eq!(names.compare(&recorded, &ours), Vec::<String>::new());
        let ours = json!({ "id": B, "path": format!("/x/{A}"), "again": A });
        assert_eq!(names.compare(&recorded, &ours).len(), 2);
    }

    #[test]
    fn keys_types_and_literals_must_be_equal() {
        let mut names = Names::default();
        let recorded =
            json!({ "a": 1, "b": null, "c": "x", "d": "2026-11-20T12:18:38.225Z", "e": [] });
        let ours = json!({ "a": "1", "c": "y", "d": "soon", "e": [1], "f": 0 });
        let found = names.compare(&recorded, &ours);
        assert_eq!(found.len(), 6, "{found:?}");
    }
}

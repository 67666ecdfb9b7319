//! The Python environment that a notebook declares: a PEP 723 block in a code cell, or its metadata (`runt.uv`).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Longest PEP 723 block that counts.
const MAX_SCRIPT_BYTES: usize = 16 * 1024;
/// Most packages of the metadata, and the longest text of one.
const MAX_DEPENDENCIES: usize = 500;
const MAX_TEXT_BYTES: usize = 1024;

/// What a notebook declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredEnvironment {
    /// The TOML of the first PEP 723 block.
    Script(String),
    /// The metadata's own section.
    Uv {
        /// Requirements as pip writes them.
        dependencies: Vec<String>,
        /// Which versions of Python will do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requires_python: Option<String>,
        /// Whether early versions of packages will do, in uv's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prerelease: Option<String>,
    },
}

impl DeclaredEnvironment {
    /// Reads it from the sources of the code cells in order and the metadata's `runt`; a block in a cell comes first.
    pub fn of<'a>(mut sources: impl Iterator<Item = &'a str>, runt: Option<&Json>) -> Option<Self> {
        sources
            .find_map(script_block)
            .map(Self::Script)
            .or_else(|| section(&runt?["uv"]))
    }

    /// As one text, for the runtime peer.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads that text; an empty one declares nothing.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// A section without packages declares nothing: notebooks carry empty ones.
fn section(uv: &Json) -> Option<DeclaredEnvironment> {
    let fits = |text: &&str| !text.trim().is_empty() && text.len() <= MAX_TEXT_BYTES;
    let word = |key: &str| uv[key].as_str().filter(fits).map(str::to_owned);
    let dependencies: Vec<String> = uv["dependencies"]
        .as_array()?
        .iter()
        .filter_map(|text| text.as_str().filter(fits).map(str::to_owned))
        .take(MAX_DEPENDENCIES)
        .collect();
    if dependencies.is_empty() {
        return None;
    }
    Some(DeclaredEnvironment::Uv {
        dependencies,
        requires_python: word("requires-python"),
        prerelease: word("prerelease"),
    })
}

/// The content of the first `# /// script` block of a source. It ends at the last `# ///` of the comment it is in.
fn script_block(source: &str) -> Option<String> {
    let mut lines = source.lines().map(|line| line.trim_end_matches('\r'));
    lines.by_ref().find(|line| *line == "# /// script")?;
    let comment: Vec<&str> = lines
        .take_while(|line| *line == "#" || line.starts_with("# "))
        .collect();
    let end = comment.iter().rposition(|line| *line == "# ///")?;
    let content: Vec<&str> = comment[..end]
        .iter()
        .map(|line| line.get(2..).unwrap_or_default())
        .collect();
    let content = content.join("\n");
    (content.len() <= MAX_SCRIPT_BYTES).then_some(content)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DeclaredEnvironment, MAX_SCRIPT_BYTES, script_block};

    #[test]
    fn a_block_is_found_as_pep_723_says() {
        let whole = "import x\n# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n#   \"numpy\",\n#\n# ]\n# ///\nprint()";
        let content = "requires-python = \">=3.11\"\ndependencies = [\n  \"numpy\",\n\n]";
        assert_eq!(script_block(whole).as_deref(), Some(content));
        assert_eq!(
            script_block(&whole.replace('\n', "\r\n")).as_deref(),
            Some(content)
        );
        let inner = "# /// script\n# [tool.x]\n# ///\n# a = 1\n# ///\n# /// other";
        assert_eq!(script_block(inner).as_deref(), Some("[tool.x]\n///\na = 1"));
        for none in [
            "",
            "# /// script",
            "# /// script\n# dependencies = []",
            "# /// script\nx = 1\n# ///",
            "#/// script\n# a\n# ///",
            " # /// script\n# a\n# ///",
            "# /// other\n# a = 1\n# ///",
        ] {
            assert_eq!(script_block(none), None, "{none}");
        }
        let long = format!(
            "# /// script\n# {}\n# ///",
            "x".repeat(MAX_SCRIPT_BYTES + 1)
        );
        assert_eq!(script_block(&long), None);
    }

    #[test]
    fn the_first_block_comes_before_the_metadata() {
        let runt = json!({"schema_version": "1",
            "uv": {"dependencies": ["numpy>=2", "", 3], "requires-python": ">=3.11"}});
        let of = |sources: &[&str]| DeclaredEnvironment::of(sources.iter().copied(), Some(&runt));
        let script = |name: &str| format!("# /// script\n# dependencies = [\"{name}\"]\n# ///\n");
        let declared = of(&["x = 1", &script("a"), &script("b")]).unwrap();
        assert_eq!(
            declared,
            DeclaredEnvironment::Script("dependencies = [\"a\"]".to_owned())
        );
        let declared = of(&["x = 1"]).unwrap();
        assert_eq!(
            declared,
            DeclaredEnvironment::Uv {
                dependencies: vec!["numpy>=2".to_owned()],
                requires_python: Some(">=3.11".to_owned()),
                prerelease: None,
            }
        );
        let text = declared.to_text();
        assert_eq!(DeclaredEnvironment::from_text(&text), Some(declared));
        for empty in [json!({}), json!({"uv": {"dependencies": []}}), json!(null)] {
            assert_eq!(
                DeclaredEnvironment::of(["x"].into_iter(), Some(&empty)),
                None
            );
        }
        assert_eq!(DeclaredEnvironment::from_text(""), None);
    }
}

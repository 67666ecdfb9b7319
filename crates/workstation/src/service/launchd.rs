//! A launchd agent for macOS. Read back in tests; launchd itself is not at hand there (decision D18).

use super::{ServiceSpec, UnfitPath, text};

/// The agent's label, and the name of its file before `.plist`.
pub const LAUNCHD_LABEL: &str = "runt.workstation";

/// The text of the property list. `AbandonProcessGroup` leaves peers and kernels alive when the agent ends.
///
/// # Errors
/// A path cannot be written down.
pub fn launchd_agent(spec: &ServiceSpec) -> Result<String, UnfitPath> {
    let words: Vec<String> = spec
        .words()?
        .iter()
        .map(|word| format!("    <string>{}</string>\n", escaped(word)))
        .collect();
    let environment: Vec<String> = spec
        .environment()?
        .iter()
        .map(|(name, value)| {
            format!(
                "    <key>{name}</key>\n    <string>{}</string>\n",
                escaped(value)
            )
        })
        .collect();
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LAUNCHD_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{words}  </array>
  <key>WorkingDirectory</key>
  <string>{directory}</string>
  <key>EnvironmentVariables</key>
  <dict>
{environment}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>StandardOutPath</key>
  <string>{log}</string>
  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
"#,
        words = words.concat(),
        environment = environment.concat(),
        directory = escaped(&text(&spec.working_directory)?),
        log = escaped(&text(&spec.home.join("Library/Logs/runt-workstation.log"))?),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

//! Which accelerators the machine has, and whether they can be used (spec 3.6).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;

const SYSTEM_PROFILER_TIMEOUT: Duration = Duration::from_secs(10);
const COUNT_LIMIT: u32 = 1024;
/// Most entries that a cloud takes.
const ACCELERATOR_LIMIT: usize = 16;

/// A group of equal devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accelerator {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes_per_device: Option<u64>,
    readiness: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostic: Option<&'static str>,
}

impl Accelerator {
    fn gpu(vendor: Option<&'static str>, count: u32, readiness: &'static str) -> Self {
        Self {
            kind: "gpu",
            vendor,
            model: None,
            count: count.min(COUNT_LIMIT),
            memory_bytes_per_device: None,
            readiness,
            diagnostic: None,
        }
    }
}

impl Accelerator {
    /// Whether NVIDIA's tool can tell something of it.
    pub(crate) fn answers_nvidia_smi(&self) -> bool {
        self.vendor == Some("NVIDIA") && self.readiness == "ready"
    }

    /// Its name for people, with how many there are.
    pub(crate) fn name(&self) -> String {
        let words = [self.vendor, self.model.as_deref()];
        let name: Vec<&str> = words.into_iter().flatten().collect();
        let name = if name.is_empty() {
            "display controller".to_owned()
        } else {
            name.join(" ")
        };
        format!("{} × {name}", self.count)
    }

    /// Why it cannot be used, if it is known that it cannot.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        self.diagnostic.filter(|_| self.readiness == "not_ready")
    }
}

/// Asks the machine; `None` means that it cannot be known, an empty list that there is nothing.
pub async fn detect_accelerators() -> Option<Vec<Accelerator>> {
    if cfg!(target_os = "macos") {
        return parse_apple(&system_profiler().await?);
    }
    let vendors = display_vendors(Path::new("/sys/bus/pci/devices"))?;
    let nvidia = vendors.get("NVIDIA").copied().unwrap_or(0);
    let output = if nvidia > 0 {
        meter::nvidia_smi("--query-gpu=name,memory.total").await
    } else {
        None
    };
    Some(inventory(&vendors, output.as_deref()))
}

/// Counts the display controllers by vendor (`""` when unknown); one unreadable class makes all unknown.
fn display_vendors(devices: &Path) -> Option<BTreeMap<&'static str, u32>> {
    let hex = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(devices).ok()? {
        let device = entry.ok()?.path();
        let class = hex(&device.join("class"))?;
        if class >> 16 & 0xff != 0x03 {
            continue;
        }
        let vendor = match hex(&device.join("vendor")) {
            Some(0x10de) => "NVIDIA",
            Some(0x1002) => "AMD",
            Some(0x8086) => "Intel",
            Some(0x106b) => "Apple",
            _ => "",
        };
        *found.entry(vendor).or_insert(0) += 1;
    }
    Some(found)
}

async fn system_profiler() -> Option<String> {
    let mut command = tokio::process::Command::new("/usr/sbin/system_profiler");
    command.args(["SPDisplaysDataType", "-json", "-detailLevel", "mini"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SYSTEM_PROFILER_TIMEOUT, command.output());
    let output = output.await.ok()?.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads what a Mac says of its display controllers; one that Metal supports can be used.
fn parse_apple(output: &str) -> Option<Vec<Accelerator>> {
    let found: serde_json::Value = serde_json::from_str(output).ok()?;
    let cards = found.get("SPDisplaysDataType")?.as_array()?;
    let card = |card: &serde_json::Value| {
        let text = |name: &str| card.get(name).and_then(serde_json::Value::as_str);
        let vendor = text("spdisplays_vendor").unwrap_or_default().to_lowercase();
        let known = [
            ("apple", "Apple"),
            ("amd", "AMD"),
            ("nvidia", "NVIDIA"),
            ("intel", "Intel"),
        ];
        let vendor = known
            .iter()
            .find(|(word, _)| vendor.contains(word))
            .map(|(_, name)| *name);
        let metal = card.as_object().is_some_and(|card| {
            let families = ["spdisplays_mtlgpufamilysupport", "spdisplays_metal"];
            families.iter().any(|name| card.contains_key(*name))
        });
        let mut found = Accelerator::gpu(vendor, 1, if metal { "ready" } else { "unknown" });
        if !metal {
            found.diagnostic = Some("Metal does not support it");
        }
        let model = text("sppci_model").or_else(|| text("_name"));
        found.model = model.map(|model| model.chars().take(160).collect());
        found.memory_bytes_per_device = text("spdisplays_vram").and_then(vram);
        found
    };
    Some(cards.iter().take(ACCELERATOR_LIMIT).map(card).collect())
}

/// `8 GB` or `1536 MB`; a Mac of Apple's own chips shares its memory and says nothing.
fn vram(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let shift = match unit {
        "MB" => 20,
        "GB" => 30,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_shl(shift)
        .filter(|bytes| *bytes > 0)
}

fn inventory(
    vendors: &BTreeMap<&'static str, u32>,
    nvidia_output: Option<&str>,
) -> Vec<Accelerator> {
    let mut out = Vec::new();
    if let Some(&present) = vendors.get("NVIDIA") {
        let not_ready = |count| Accelerator {
            diagnostic: Some(
                "not reported by nvidia-smi; check the driver and access to the devices",
            ),
            ..Accelerator::gpu(Some("NVIDIA"), count, "not_ready")
        };
        match nvidia_output.and_then(parse_nvidia) {
            None => out.push(not_ready(present)),
            Some(groups) => {
                let reported: u32 = groups.iter().map(|group| group.count).sum();
                out.extend(groups);
                if reported < present {
                    out.push(not_ready(present - reported));
                }
            }
        }
    }
    for (&vendor, &count) in vendors.iter().filter(|(vendor, _)| **vendor != "NVIDIA") {
        out.push(Accelerator {
            diagnostic: Some("access cannot be verified for this vendor"),
            ..Accelerator::gpu((!vendor.is_empty()).then_some(vendor), count, "unknown")
        });
    }
    out
}

/// Reads `name, MiB` lines; anything odd means that the answer cannot be trusted.
fn parse_nvidia(output: &str) -> Option<Vec<Accelerator>> {
    let mut groups: Vec<Accelerator> = Vec::new();
    for line in output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (name, memory) = line.rsplit_once(',')?;
        let name = name.trim();
        let model = name.strip_prefix("NVIDIA ").unwrap_or(name).trim();
        if model.is_empty() {
            return None;
        }
        let memory = memory
            .trim()
            .parse::<u64>()
            .ok()
            .map(|mib| mib * 1024 * 1024)
            .filter(|b| *b > 0);
        let same = |g: &&mut Accelerator| {
            g.model.as_deref() == Some(model) && g.memory_bytes_per_device == memory
        };
        if let Some(group) = groups.iter_mut().find(same) {
            group.count = (group.count + 1).min(COUNT_LIMIT);
        } else {
            groups.push(Accelerator {
                model: Some(model.chars().take(160).collect()),
                memory_bytes_per_device: memory,
                ..Accelerator::gpu(Some("NVIDIA"), 1, "ready")
            });
        }
    }
    (!groups.is_empty()).then_some(groups)
}

#[cfg(test)]
mod tests;

//! Graphics processors: what they do, and whose memory lies on them. NVIDIA by `nvidia-smi`, AMD by the driver's files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use wire::http::GpuUse;

use crate::machine::tenths;
use crate::system_program::system_program;

/// How long nvidia-smi may take.
const NVIDIA_SMI_LIMIT: Duration = Duration::from_secs(3);
/// Most processors told of.
const MAX_GPUS: usize = 16;
/// AMD's number among makers of PCI devices.
const AMD: &str = "0x1002";
const MIB: u64 = 1024 * 1024;

/// What each processor does now. `nvidia` says whether the machine has NVIDIA's: its tool is not asked in vain.
pub async fn gpus(nvidia: bool) -> Vec<GpuUse> {
    let mut found = amd(Path::new("/sys/class/drm"));
    if nvidia {
        let query = "--query-gpu=name,utilization.gpu,memory.used,memory.total";
        let output = nvidia_smi(query).await.unwrap_or_default();
        found.extend(output.lines().filter_map(parse_nvidia));
    }
    found.truncate(MAX_GPUS);
    found
}

/// Memory on NVIDIA devices by process, as the driver counts it; `None` without its tool.
pub async fn gpu_memory_by_process() -> Option<BTreeMap<u32, u64>> {
    let output = nvidia_smi("--query-compute-apps=pid,used_memory").await?;
    Some(parse_gpu_memory(&output))
}

/// What `nvidia-smi` answers to a query such as `--query-gpu=name`, one line of values for each; `None` where the machine has
/// no such tool, or it fails or takes too long.
pub async fn nvidia_smi(query: &str) -> Option<String> {
    answer(&system_program("nvidia-smi")?, query).await
}

async fn answer(program: &Path, query: &str) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command
        .args([query, "--format=csv,noheader,nounits"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(NVIDIA_SMI_LIMIT, command.output());
    let output = output.await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// Reads `name, per cent, MiB, MiB`; what a device does not tell reads `[N/A]` or `[Not Supported]`.
fn parse_nvidia(line: &str) -> Option<GpuUse> {
    let mut fields = line.rsplitn(4, ',').map(str::trim);
    let total = fields.next()?.parse::<u64>().ok();
    let used = fields.next()?.parse::<u64>().ok();
    let percent = fields.next()?.parse::<f64>().ok();
    let name = fields.next()?;
    let model = name.strip_prefix("NVIDIA ").unwrap_or(name);
    (!model.is_empty()).then(|| GpuUse {
        model: model.chars().take(120).collect(),
        percent: percent.map(tenths),
        memory_used_bytes: used.map(|mib| mib * MIB),
        memory_total_bytes: total.map(|mib| mib * MIB),
    })
}

/// Reads `pid, MiB` lines; a process on several devices has several.
fn parse_gpu_memory(output: &str) -> BTreeMap<u32, u64> {
    let mut found = BTreeMap::new();
    for line in output.lines() {
        let Some((pid, mib)) = line.split_once(',') else {
            continue;
        };
        if let (Ok(pid), Ok(mib)) = (pid.trim().parse(), mib.trim().parse::<u64>()) {
            *found.entry(pid).or_insert(0) += mib * MIB;
        }
    }
    found
}

/// The `amdgpu` driver's own numbers; a display controller that has none is not told of.
fn amd(devices: &Path) -> Vec<GpuUse> {
    let entries = std::fs::read_dir(devices).into_iter().flatten().flatten();
    let mut cards: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("card"));
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(|entry| entry.path().join("device"))
        .collect();
    cards.sort();
    let text = |path: &Path| {
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let card = |device: &std::path::PathBuf| {
        if text(&device.join("vendor"))? != AMD {
            return None;
        }
        let number = |name: &str| text(&device.join(name))?.parse::<u64>().ok();
        let total = number("mem_info_vram_total")?;
        let name = text(&device.join("product_name")).filter(|name| !name.is_empty());
        Some(GpuUse {
            model: name
                .unwrap_or_else(|| "AMD".to_owned())
                .chars()
                .take(120)
                .collect(),
            percent: number("gpu_busy_percent").map(|percent| percent as f64),
            memory_used_bytes: number("mem_info_vram_used"),
            memory_total_bytes: Some(total),
        })
    };
    cards.iter().filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-154
    #[tokio::test]
    async fn a_tool_that_is_absent_or_fails_says_nothing() {
        for program in ["/nonexistent/nvidia-smi", "false"] {
            assert_eq!(answer(Path::new(program), "--query-gpu=name").await, None);
        }
    }

    #[test]
    fn nvidia_smi_is_read_also_where_a_device_tells_little() {
        let one = parse_nvidia("NVIDIA A100-SXM4-80GB, 37, 1024, 81920").unwrap();
        assert_eq!(
            (one.model.as_str(), one.percent),
            ("A100-SXM4-80GB", Some(37.0))
        );
        assert_eq!(one.memory_used_bytes, Some(1024 * MIB));
        assert_eq!(one.memory_total_bytes, Some(81_920 * MIB));
        let mig =
            parse_nvidia("NVIDIA H200, MIG, [N/A], [Insufficient Permissions], 143771").unwrap();
        assert_eq!(
            (mig.model.as_str(), mig.percent, mig.memory_used_bytes),
            ("H200, MIG", None, None)
        );
        for odd in ["", "No devices were found", "a, b", ", 1, 2, 3"] {
            assert_eq!(parse_nvidia(odd), None, "{odd}");
        }
    }

    #[test]
    fn gpu_memory_is_read_per_process_and_summed_over_devices() {
        let found = parse_gpu_memory("12, 1024\n12, 1\n7, [N/A]\n\nNo running processes\n");
        assert_eq!(found, BTreeMap::from([(12, 1025 * MIB)]));
    }

    #[test]
    fn amds_files_are_read_and_other_makers_left_out() {
        let place = tempfile::tempdir().unwrap();
        let device = |card: &str, files: &[(&str, &str)]| {
            let folder = place.path().join(card).join("device");
            std::fs::create_dir_all(&folder).unwrap();
            for (name, text) in files {
                std::fs::write(folder.join(name), text).unwrap();
            }
        };
        // As amdgpu of Linux 6 shows a Radeon Pro W7900.
        device(
            "card1",
            &[
                ("vendor", "0x1002\n"),
                ("product_name", "AMD Radeon Pro W7900\n"),
                ("gpu_busy_percent", "64\n"),
                ("mem_info_vram_used", "2147483648\n"),
                ("mem_info_vram_total", "48301604864\n"),
            ],
        );
        device(
            "card1-DP-1",
            &[("vendor", "0x1002\n"), ("mem_info_vram_total", "1\n")],
        );
        device("card0", &[("vendor", "0x1002\n")]);
        device(
            "card2",
            &[("vendor", "0x8086\n"), ("mem_info_vram_total", "1\n")],
        );
        let found = amd(place.path());
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].model.as_str(), found[0].percent),
            ("AMD Radeon Pro W7900", Some(64.0))
        );
        assert_eq!(found[0].memory_used_bytes, Some(2_147_483_648));
    }
}

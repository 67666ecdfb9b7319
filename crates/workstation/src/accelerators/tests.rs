use super::*;
use serde_json::{Value, json};

fn devices(list: &[(&str, &str)]) -> Option<BTreeMap<&'static str, u32>> {
    let place = tempfile::tempdir().unwrap();
    for (index, (class, vendor)) in list.iter().enumerate() {
        let device = place.path().join(index.to_string());
        std::fs::create_dir(&device).unwrap();
        for (name, text) in [("class", class), ("vendor", vendor)] {
            if !text.is_empty() {
                std::fs::write(device.join(name), format!("{text}\n")).unwrap();
            }
        }
    }
    display_vendors(place.path())
}

fn listed(vendors: &[(&'static str, u32)], output: Option<&str>) -> Value {
    json!(inventory(&vendors.iter().copied().collect(), output))
}

// WS-148 WS-149 WS-150
#[test]
fn ws_148_149_150_display_controllers() {
    let some = devices(&[
        ("0x030000", "0x10de"),
        ("0x030200", "0x10de"),
        ("0x020000", "0x8086"),
        ("0x038000", ""),
    ]);
    assert_eq!(some, Some(BTreeMap::from([("NVIDIA", 2), ("", 1)])));
    assert_eq!(devices(&[("0x030000", "0x10de"), ("", "0x10de")]), None);
    assert_eq!(devices(&[("0x010000", "0x8086")]), Some(BTreeMap::new()));
    assert_eq!(display_vendors(Path::new("/nonexistent")), None);
    assert_eq!(listed(&[], None), json!([]));
}

// WS-151 WS-152 WS-153
#[test]
fn ws_151_152_153_nvidia_devices_are_grouped() {
    let output = "NVIDIA H100 PCIe, 81559\nNVIDIA H100 PCIe, 81559\nTesla, T4, [N/A]\n\n";
    assert_eq!(
        listed(&[("NVIDIA", 3)], Some(output)),
        json!([
            {"kind": "gpu", "vendor": "NVIDIA", "model": "H100 PCIe", "count": 2,
                "memory_bytes_per_device": 85_520_809_984_u64, "readiness": "ready"},
            {"kind": "gpu", "vendor": "NVIDIA", "model": "Tesla, T4", "count": 1, "readiness": "ready"},
        ])
    );
}

// WS-154 WS-155 WS-157
#[test]
fn ws_154_155_157_devices_that_cannot_be_used() {
    for output in [None, Some(""), Some("no comma"), Some("NVIDIA A, 1\n, 2")] {
        let found = listed(&[("NVIDIA", 2)], output);
        assert_eq!(
            (&found[0]["readiness"], &found[0]["count"]),
            (&json!("not_ready"), &json!(2)),
            "{output:?}"
        );
        assert!(found[0]["diagnostic"].is_string());
    }
    let short = listed(&[("NVIDIA", 4)], Some("NVIDIA A, 1024"));
    assert_eq!(
        (&short[1]["readiness"], &short[1]["count"]),
        (&json!("not_ready"), &json!(3))
    );
}

// WS-156
#[test]
fn ws_156_other_vendors_are_unknown_and_come_last() {
    let found = listed(&[("AMD", 1), ("", 2), ("NVIDIA", 1)], Some("NVIDIA A, 1"));
    assert_eq!(found[0]["vendor"], "NVIDIA");
    assert!(found[1].get("vendor").is_none());
    assert_eq!(
        (&found[2]["vendor"], &found[2]["readiness"]),
        (&json!("AMD"), &json!("unknown"))
    );
    assert!(found[2]["diagnostic"].is_string());
}

/// As `system_profiler SPDisplaysDataType -json` answers on a MacBook Pro of each kind, shortened.
const APPLE: &str = r#"{"SPDisplaysDataType": [{"_name": "Apple M2 Max", "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
    "spdisplays_vendor": "sppci_vendor_Apple", "sppci_bus": "spdisplays_builtin", "sppci_cores": "38",
    "sppci_device_type": "spdisplays_gpu", "sppci_model": "Apple M2 Max"}]}"#;
const INTEL: &str = r#"{"SPDisplaysDataType": [
    {"_name": "kHW_IntelUHDGraphics630Item", "spdisplays_vram_shared": "1536 MB", "spdisplays_vendor": "Intel",
     "spdisplays_metal": "spdisplays_supported", "sppci_model": "Intel UHD Graphics 630"},
    {"_name": "kHW_AMDRadeonPro5500MItem", "spdisplays_vram": "8 GB", "spdisplays_vendor": "sppci_vendor_amd",
     "spdisplays_mtlgpufamilysupport": "spdisplays_metal3", "sppci_model": "AMD Radeon Pro 5500M"}]}"#;

#[test]
fn what_macs_say_is_read() {
    let found = parse_apple(APPLE).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].vendor, found[0].readiness),
        (Some("Apple"), "ready")
    );
    assert_eq!(found[0].model.as_deref(), Some("Apple M2 Max"));
    assert_eq!(found[0].memory_bytes_per_device, None);
    let found = parse_apple(INTEL).unwrap();
    let vendors: Vec<_> = found.iter().map(|card| card.vendor).collect();
    assert_eq!(vendors, [Some("Intel"), Some("AMD")]);
    assert_eq!(found[1].memory_bytes_per_device, Some(8 << 30));
    assert_eq!(parse_apple("{}"), None);
    assert_eq!(parse_apple(r#"{"SPDisplaysDataType": []}"#), Some(vec![]));
}

//! Whether a hangup (SIGHUP, when the terminal or the session goes away) is to mean anything to this process.

/// Whether this process was started to ignore SIGHUP, as `nohup` does; so taken where the system does not say.
pub fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hangup(&status))
}

/// Reads the mask of ignored signals, whose lowest bit is the first signal, SIGHUP.
fn ignores_hangup(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangup;

    #[test]
    fn the_lowest_bit_of_the_mask_is_hangup() {
        let status =
            |mask| format!("Name:\trun\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0\n");
        assert!(!ignores_hangup(&status("0000000000001000")));
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(ignores_hangup("Name:\trun\n"));
    }
}

//! The machine that figures are taken on.

/// The machine that measures, and how busy it was.
pub fn describe_host() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let machine = format!(
        "Machine: {cores} cores ({}), {}.",
        cpu_model(),
        std::env::consts::OS
    );
    match load() {
        Some(load) => format!(
            "{machine} Load average of the last five minutes: {load}; what is above the cores is other work, which slows \
             everything, and most of all what is several programs."
        ),
        None => machine,
    }
}

/// The load average of the last five minutes, where the system tells it.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(':').nth(1))
        .map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

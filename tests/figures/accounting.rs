//! What a process has used, by the operating system's own books. Linux only.

use baton_tests::scene::Failed;

/// Milliseconds of CPU that a process has used, all its threads together, as the
/// scheduler counted it (nanoseconds). Threads that have ended are not in it: nothing
/// that is measured here ends threads within the seconds that it lives.
pub(crate) fn cpu_ms(process: u32) -> Result<f64, Failed> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let spent = text.split_whitespace().next().unwrap_or_default();
        nanoseconds += spent.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e6)
}

/// The most memory that a process has had, in MB (of 1,024 * 1,024 bytes).
pub(crate) fn peak_memory_mb(process: u32) -> Result<f64, Failed> {
    status_mb(process, "VmHWM:")
}

/// The memory that a process has now, in MB (of 1,024 * 1,024 bytes).
pub(crate) fn memory_mb(process: u32) -> Result<f64, Failed> {
    status_mb(process, "VmRSS:")
}

fn status_mb(process: u32, field: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or_else(|| format!("no {field} in the process's status"))?;
    Ok(kilobytes.parse::<f64>()? / 1_024.0)
}

/// The middle one; 0 of none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The one below which that share lies; 0 of none.
pub(crate) fn percentile(numbers: &[f64], share: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 - 1.0).max(0.0) * share).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// The processor's name and number, since CPU times say nothing without.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(':').nth(1)).unwrap_or("?");
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split(['-', '\n']).next().unwrap_or_default();
    format!(
        "{} processors, {}, Linux {kernel}, {}",
        processors,
        model.trim(),
        std::env::consts::ARCH
    )
}

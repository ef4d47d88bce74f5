//! The share of a CPU that Lambda gives a function of 128 MB, as a quota of the kernel's
//! control groups: 7.2 % of one processor, in periods of 20 ms. Version 1 and 2 of them,
//! where this user may make a group.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Microseconds of CPU in each period. Lambda's 1,769 MB are one processor (Lambda
/// developer guide, "Configure Lambda function memory"): 128 MB are 0.072 of it.
const QUOTA_US: u32 = 1_440;
const PERIOD_US: u32 = 20_000;

/// A control group with that quota. Dropping it removes it, once nothing is in it.
#[derive(Debug)]
pub(crate) struct Share(PathBuf);

impl Share {
    /// Makes the group.
    ///
    /// # Errors
    /// When the kernel has none, or this user may not.
    pub(crate) fn make() -> io::Result<Self> {
        let name = format!("baton-bench-{}", std::process::id());
        let version_1 = PathBuf::from("/sys/fs/cgroup/cpu");
        if version_1.join("cpu.cfs_quota_us").is_file() {
            let share = Self(version_1.join(name));
            fs::create_dir(&share.0)?;
            fs::write(share.0.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            fs::write(share.0.join("cpu.cfs_quota_us"), QUOTA_US.to_string())?;
            return Ok(share);
        }
        let share = Self(PathBuf::from("/sys/fs/cgroup").join(name));
        fs::create_dir(&share.0)?;
        fs::write(share.0.join("cpu.max"), format!("{QUOTA_US} {PERIOD_US}"))?;
        Ok(share)
    }

    /// Puts a process into it, with all its threads.
    ///
    /// # Errors
    /// When the process is gone, or this user may not.
    pub(crate) fn hold(&self, process: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A group that could not be removed is empty and costs nothing.
        let _left = fs::remove_dir(&self.0);
    }
}
